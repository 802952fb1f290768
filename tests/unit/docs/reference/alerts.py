"""docs/reference/alerts.md: the alerts that Tandem raises itself."""

import ast
import re
from pathlib import Path

from tests.unit.docs.reference.writing import table

_BOT = Path(__file__).parents[4] / "bot"
_RAISE_ALERTS = (*sorted((_BOT / "watches").rglob("*.py")), _BOT / "domain" / "watched" / "finding.py")
_RAISE_ALERTS += (_BOT / "remediation" / "drills" / "schedule.py",)
_NAME = re.compile(r"(?:[A-Z][a-z]+){2,}")
_HEAD = """# Alerts that Tandem raises

Their source is `tandem`, and their names are what `when: {alertname: …}` of a runbook and matchers of a silence
take. They become incidents as any other alert does.
"""
_METRICS = ("[metrics](../watching.md)", "metrics")
_FORECASTS = ("[forecasts](../forecasts.md)", "metrics")
_LOGS = ("[logs](../watching.md#logs)", "logs")
_MODELS = ("[monitors](../monitors.md)", "models")
_LLM = ("[language models](../llm.md)", "llm")
_LINEAGE = ("[lineage](../lineage.md)", "lineage")
_BEATS = ("[heartbeats](../sources.md#heartbeats-what-should-report-and-stops)", "heartbeats")
_DRILLS = ("[drills](../drills.md)", "drills")
MEANINGS = {
    "MetricAnomaly": (_METRICS, "Series of a group are not as they were: outside what their own past lets expect."),
    "InstanceDiffersFromPeers": (
        _METRICS,
        "Members of a group that should be alike are not: one or a few differ from the others.",
    ),
    "MetricsMissing": (
        _METRICS,
        "Series that came regularly no longer come: of a group, or of all of a correlation domain.",
    ),
    "SaturationForecast": (_FORECASTS, "Series of a group are forecast to cross their limit, or have crossed it."),
    "DiskFullForecast": (_FORECASTS, "The same, where their names speak of a disk, a volume or a file system."),
    "LogRateAnomaly": (_LOGS, "Lines of a template come much more, or much less, often than they did."),
    "UnseenLogLine": (_LOGS, "A template that never came before, where that is rare."),
    "LogLineStopped": (_LOGS, "A template that came regularly is silent, while its sender sends others."),
    "LogsMissing": (_LOGS, "Logs of several groups of a correlation domain no longer come: their sender stopped."),
    "ErrorBurst": (_LOGS, "Many more error lines than usual, whatever their templates."),
    "DataQuality": (
        _MODELS,
        "Columns are missing or new; types, ranges, categories or units are wrong; ids come twice.",
    ),
    "DataFreshness": (_MODELS, "No predictions came for longer than `fresh_within`."),
    "FeatureDrift": (_MODELS, "A feature's distribution is not the reference's any more."),
    "PredictionDrift": (_MODELS, "What the model predicts is not distributed as on the reference."),
    "MultivariateDrift": (_MODELS, "All features together: a classifier can tell new rows from the reference's."),
    "EmbeddingDrift": (_MODELS, "Vectors, such as embeddings of images and texts, are not as in the reference."),
    "ConceptDrift": (_MODELS, "What was predicted and what was true go together differently than on the reference."),
    "ModelPerformance": (_MODELS, "The model does worse than it may, by labels that have come."),
    "EstimatedModelPerformance": (_MODELS, "The same, estimated where no labels have come."),
    "OutlierRows": (_MODELS, "More rows of a model than may be are unlike all rows of its reference."),
    "FairnessGap": (_MODELS, "A group of people fares worse with the model than another, by more than it may."),
    "LabelsMissing": (_MODELS, "Too few predictions of a model have labels, or these take too long."),
    "MonitorFailed": (_MODELS, "A monitor cannot do its work, or could not for too long; the alert says why."),
    "LlmErrors": (_LLM, "More calls of language models fail than did."),
    "LlmLatency": (_LLM, "More calls take much longer than nine in ten did."),
    "LlmTokens": (_LLM, "More calls are given, or answered with, many more tokens than nine in ten were."),
    "LlmCost": (_LLM, "More calls cost much more than nine in ten did."),
    "LlmToolFailures": (_LLM, "More calls of a tool fail than did."),
    "LlmRefusals": (_LLM, "More answers are refusals, or were held back by a filter, than were."),
    "LlmEvaluationScore": (_LLM, "The mean of an evaluation's scores moved."),
    "JobRunFailed": (_LINEAGE, "The run of a job that ended last failed."),
    "DatasetNotWritten": (_LINEAGE, "The run that should have written a dataset failed."),
    "DataAssertionFailed": (_LINEAGE, "An assertion on a dataset failed."),
    "HeartbeatMissed": (_BEATS, "Something that should report has not."),
    "HeartbeatFailed": (_BEATS, "Something reported that it failed."),
    "RunbookDrillFailed": (_DRILLS, "A scheduled drill of a runbook found what would make it fail."),
}


def alerts_page() -> str:
    """The page, one row an alert."""
    rows = [(f"`{name}`", page, meaning) for name, ((page, _), meaning) in MEANINGS.items()]
    return "\n".join([_HEAD, table(("alert", "from", "meaning"), rows), ""])


def names_in_the_code() -> set[str]:
    """The names that look like an alert's in the files that raise alerts."""
    return {name for file in _RAISE_ALERTS for name in _names(ast.parse(file.read_text()))}


def _names(tree: ast.Module) -> set[str]:
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text for text in found if isinstance(text, str) and _NAME.fullmatch(text)}
