"""Root cause from metrics, on the PetShop data set: every scenario of DIR/petshop, with one configuration for all.

An issue counts at top-k when its true node is among the first k that are named. Specificity is the share of normal
windows in which no cause is named: windows as long as the scenario's issues, side by side through the second half of
its normal metrics, each judged by the normal rows before it, for each target of the scenario's issues.
"""

import csv
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detectors.rootcause.metrics import Graph, Metrics, Series, rank_metrics
from tests.benchmarks.command import parser_for, report, require

HEADER_ROWS = 4  # microservice, metric, statistic, and the name of the index


class Issue(NamedTuple):
    name: str
    metrics: Metrics
    target: Series
    cause: str


class Scenario(NamedTuple):
    name: str
    graph: Graph
    normal: Metrics
    issues: list[Issue]


class Prediction(NamedTuple):
    """``cause`` is the true one, None for a normal window."""

    issue: str
    ranked: list[str]
    scenario: str
    metric: str
    cause: str | None
    seconds: float


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--split", choices=("train", "test"), default="train", help="which issues (default: train)")
    options = parser.parse_args()
    scenarios = [_read(folder, options.split) for folder in _folders(require(options.data / "petshop"), options.split)]
    predictions = [prediction for scenario in scenarios for prediction in predict(scenario)]
    if options.out:
        _write(options.out, predictions)
    report({**score(predictions), "scenarios": _by_scenario_and_metric(predictions)})


def predict(scenario: Scenario) -> Iterator[Prediction]:
    for issue in scenario.issues:
        yield _predict(scenario, issue.name, scenario.normal, issue.metrics, issue.target, issue.cause)
    for number, (before, window, target) in enumerate(_normal_windows(scenario)):
        yield _predict(scenario, f"{scenario.name}/noissue/{number}", before, window, target, None)


def score(predictions: Sequence[Prediction]) -> dict[str, Any]:
    issues = [one for one in predictions if one.cause is not None]
    windows = [one for one in predictions if one.cause is None]
    return {
        "top1": _mean(one.cause in one.ranked[:1] for one in issues),
        "top3": _mean(one.cause in one.ranked[:3] for one in issues),
        "specificity": _mean(not one.ranked for one in windows),
        "issues": len(issues),
        "seconds_per_issue": _mean(one.seconds for one in issues),
        "normal_windows": len(windows),
    }


def _by_scenario_and_metric(predictions: Sequence[Prediction]) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = {}
    for scenario, metric in sorted({(one.scenario, one.metric) for one in predictions}):
        part = [one for one in predictions if (one.scenario, one.metric) == (scenario, metric)]
        figures.setdefault(scenario, {})[metric] = score(part)
    return figures


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.fmean(found) if found else None


def _predict(
    scenario: Scenario, name: str, normal: Metrics, now: Metrics, target: Series, cause: str | None
) -> Prediction:
    begin = time.perf_counter()
    ranked = [finding.service for finding in rank_metrics(scenario.graph, normal, now, target)]
    return Prediction(name, ranked, scenario.name, target.metric, cause, time.perf_counter() - begin)


def _normal_windows(scenario: Scenario) -> Iterator[tuple[Metrics, Metrics, Series]]:
    length = statistics.mode(len(next(iter(issue.metrics.values()))) for issue in scenario.issues)
    rows = len(next(iter(scenario.normal.values())))
    for target in sorted({issue.target for issue in scenario.issues}):
        for start in range(rows // 2, rows - length + 1, length):
            yield _cut(scenario.normal, 0, start), _cut(scenario.normal, start, start + length), target


def _cut(metrics: Metrics, start: int, stop: int) -> Metrics:
    return {series: values[start:stop] for series, values in metrics.items()}


def _folders(folder: Path, split: str) -> list[Path]:
    found = [scenario for scenario in sorted(folder.iterdir()) if any((scenario / split).glob("issue_*"))]
    require(found[0] if found else folder / "<scenario>" / split / "issue_<n>")
    return found


def _read(folder: Path, split: str) -> Scenario:
    issues = [
        _issue(issue, f"{folder.name}/{split}/{issue.name}") for issue in sorted((folder / split).glob("issue_*"))
    ]
    return Scenario(folder.name, _graph(folder / "graph.csv"), _metrics(folder / "noissue" / "metrics.csv"), issues)


def _issue(folder: Path, name: str) -> Issue:
    labels = json.loads((folder / "target.json").read_text(encoding="utf-8"))
    target = Series(labels["target"]["node"], labels["target"]["metric"], labels["target"]["agg"])
    return Issue(name, _metrics(folder / "metrics.csv"), target, labels["root_cause"]["node"])


def _graph(path: Path) -> Graph:
    (_, *called), *rows = _rows(path)
    return {caller: [name for name, edge in zip(called, edges, strict=True) if float(edge)] for caller, *edges in rows}


def _metrics(path: Path) -> Metrics:
    rows = _rows(path)
    series = [Series(*names) for names in zip(*(row[1:] for row in rows[:3]), strict=True)]
    values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[HEADER_ROWS:]])
    return dict(zip(series, values.T, strict=True))


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def _write(folder: Path, predictions: Sequence[Prediction]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"issue": one.issue, "ranked": one.ranked}) + "\n" for one in predictions]
    (folder / "predictions.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
