"""Quality and drift of columns, from statistics: the same findings as of the rows, where all that counts is counts."""

from collections.abc import Iterator, Mapping, Sequence

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import FeatureKind, WatchedModel
from bot.model_store import statistics
from bot.model_store.batches import KeptRows
from bot.model_store.frames import Frames
from bot.model_store.statistics import ColumnStatistics, Statistics
from bot.watches.models.data_checks import Sides, features_compared, judge_drift, outputs_compared, told_of_quality
from bot.watches.models.kinds.drift import DriftRules
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, few
from bot.watches.models.measuring.importance import importance_of
from bot.watches.models.window import LoadedReference
from detectors.drift import quality
from detectors.drift.profile import Profile


async def statistics_of(frames: Frames, kept: Sequence[KeptRows], loaded: LoadedReference | None) -> Statistics:
    """Those of the window, which were counted by the reference. Raises CheckSkipped, Lost."""
    parts = [await statistics.get(frames, one.digest) for one in kept]
    profile = loaded.reference.profile if loaded else ""
    fitting = [one for one in parts if one.profile == profile]
    if not fitting:
        version = f"the reference {loaded.version}" if loaded else "no reference"
        raise CheckSkipped(f"the statistics were counted before there was {version}: the next ones fit it")
    return statistics.merged(fitting)


def check_drift(rules: DriftRules, given: CheckInput) -> Outcome:
    """Whether any column's distribution is another than the reference's. Raises CheckSkipped."""
    counted, loaded = _counted(given), given.loaded()
    if rules.kind == FindingKind.PREDICTION_DRIFT:
        before, now = outputs_compared(loaded), counted.outputs
    else:
        before, now = features_compared(given.model, loaded), counted.features
    after = _profile(counted.rows, {name: one for name, one in now.items() if name in before.columns})
    importance = importance_of(given.model, loaded) if rules.kind == FindingKind.DRIFT else {}
    return judge_drift(rules, given.state, counted.rows, Sides(before, after, loaded.version, importance))


def check_quality(given: CheckInput) -> Outcome:
    """Whether the rows are well formed."""
    counted, model, loaded = _counted(given), given.model, given.reference
    columns = {name: one for name, one in counted.features.items() if name not in model.ignore}
    names = [name for name in counted.names if name not in model.ignore]
    found, sides = list[quality.Finding](), None
    if loaded is not None and counted.rows:
        after = _profile(counted.rows, {name: one for name, one in columns.items() if name in loaded.features.columns})
        odd = {name: one.odd for name, one in columns.items()}
        found = quality.findings_of(loaded.features, after, odd, names)
        sides = Sides(loaded.features, after, loaded.version)
    found += _of_outputs(counted)
    known = {(finding.kind, finding.column) for finding in found}
    found += [one for one in _against_rules(model, counted, names) if (one.kind, one.column) not in known]
    again = quality.repeated(counted.again or 0, counted.rows)
    found += [again] if again else []
    return told_of_quality(found, counted.rows, sides)


def _counted(given: CheckInput) -> Statistics:
    assert given.counted is not None
    return given.counted


def _profile(rows: int, columns: Mapping[str, ColumnStatistics]) -> Profile:
    return Profile(rows, {name: one.column for name, one in columns.items()})


def _of_outputs(counted: Statistics) -> Iterator[quality.Finding]:
    for name, one in counted.outputs.items():
        if one.infinite:
            text = f"{one.infinite} of {counted.rows} values of {name} are infinite"
            yield quality.Finding("infinite", name, one.infinite / counted.rows, text)
        if one.outside:
            text = f"{one.outside} of {counted.rows} values of {name} are no probabilities between 0 and 1"
            yield quality.Finding("range", name, one.outside / counted.rows, text)


def _against_rules(model: WatchedModel, counted: Statistics, names: Sequence[str]) -> Iterator[quality.Finding]:
    for name, rule in model.features.items():
        if name not in names:
            yield quality.Finding("schema", name, 1.0, f"{name} is not there")
            continue
        one = counted.features.get(name)
        if one is None or not counted.rows:
            continue
        share = one.outside / counted.rows
        if rule.kind is FeatureKind.NUMERIC:
            if one.odd:
                text = f"{one.odd} of {counted.rows} values of {name} are no numbers"
                yield quality.Finding("type", name, one.odd / counted.rows, text)
            if one.outside:
                low = "-inf" if rule.min is None else f"{rule.min:g}"
                high = "inf" if rule.max is None else f"{rule.max:g}"
                text = f"{one.outside} of {counted.rows} values of {name} are outside {low} … {high}"
                yield quality.Finding("range", name, share, text)
        elif one.outside:
            text = f"{one.outside} of {counted.rows} values of {name} are not allowed: {few(one.strange)}"
            yield quality.Finding("category", name, share, text)
