"""The check of fairness: rates by group with intervals, and gaps that are surely too large. Pure."""

from collections import Counter

import numpy as np

from bot.domain.event import Chart
from bot.domain.watched.fair import FairnessMetric
from bot.domain.watched.figures import Measured
from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import Metric
from bot.watches.models.classes import Classes, classes_for
from bot.watches.models.kinds.fairness import FairnessRules
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome
from bot.watches.models.window import Table
from detectors.drift.packing import Array, pack, unpack
from detectors.drift.profile import build
from detectors.drift.texts import category, is_missing
from detectors.performance.fairness import MOST_GROUPS, Fairness, Gap
from detectors.performance.slices import Part, parts_of

_FEW_VALUES = 10
"""Numbers of no more different values are categories, as 0 and 1."""


def check_fairness(rules: FairnessRules, given: CheckInput) -> Outcome:
    """Whether one group fares worse than another by more than it may. Raises CheckSkipped."""
    table = given.window.table
    if not table.rows:
        raise CheckSkipped(given.window.missed or "no rows")
    if rules.column not in table.features:
        raise CheckSkipped(f"the rows have no column {rules.column!r}")
    state = unpack(given.state, Fairness) if given.state else Fairness.of([], rules.at_most, rules.alpha)
    groups = _groups(rules, given, state)
    hits, counts = _hits(rules, given)
    found = state.update({name: hits[part.holds(table.features, table.rows) & counts] for name, part in groups.items()})
    return _outcome(rules, state, found, given)


def _groups(rules: FairnessRules, given: CheckInput, state: Fairness) -> dict[str, Part]:
    """The groups by name, the most frequent first: those that are judged already, of the reference, and of the rows.

    Raises CheckSkipped.
    """
    known = given.reference.table.features.get(rules.column) if given.reference is not None else None
    now = given.window.table.features[rules.column]
    if not _is_of_categories(now if known is None else known):
        if known is None:
            why = "its quarters are those of a reference, and there is none"
            raise CheckSkipped(f"{rules.column} is of numbers: {why}")
        return {part.text: part for part in parts_of(build({rules.column: known}), [rules.column])}
    names = list(state.groups)
    for column in (known, now):
        if column is not None:
            tally = Counter(category(value) for value in column.tolist() if not is_missing(value))
            names += [name for name, _ in tally.most_common(MOST_GROUPS)]
    return {name: Part(rules.column, name) for name in list(dict.fromkeys(names))[:MOST_GROUPS]}


def _is_of_categories(column: Array) -> bool:
    return column.dtype.kind not in "iuf" or len(np.unique(column[~np.isnan(column.astype(float))])) <= _FEW_VALUES


def _hits(rules: FairnessRules, given: CheckInput) -> tuple[Array, Array]:
    """Of each row whether it is what the rate counts, and whether it counts at all. Raises CheckSkipped."""
    table, metric = given.window.table, rules.metric
    if table.prediction is None:
        raise CheckSkipped(f"{metric} needs predictions")
    if metric.needs_labels and table.label is None:
        raise CheckSkipped(f"{metric} needs labels")
    classes = _classes(rules, given)
    predicted = classes.read(table.prediction)
    counts = np.array([value is not None for value in predicted.tolist()], dtype=bool)
    if not metric.needs_labels:
        return predicted == classes.positive, counts
    assert table.label is not None
    truth = classes.read(table.label)
    counts &= np.array([value is not None for value in truth.tolist()], dtype=bool)
    if metric is FairnessMetric.EQUAL_ACCURACY:
        return predicted == truth, counts
    is_positive = truth == classes.positive
    wanted = is_positive if metric is FairnessMetric.EQUAL_OPPORTUNITY else ~is_positive
    return predicted == classes.positive, counts & wanted


def _classes(rules: FairnessRules, given: CheckInput) -> Classes:
    """Raises CheckSkipped where it is not known which class is the positive one."""
    of_one = rules.metric is not FairnessMetric.EQUAL_ACCURACY
    like = PerformanceRules(kind=FindingKind.PERFORMANCE, metric=Metric.RECALL if of_one else Metric.ACCURACY)
    table: Table = given.window.table
    if not rules.metric.needs_labels:
        table = table._replace(label=table.prediction)
    loaded = given.reference
    if loaded is not None and loaded.table.label is None:
        loaded = loaded._replace(table=loaded.table._replace(label=loaded.table.prediction))
    classes = classes_for(like, given.model, table, loaded)
    if of_one and not classes.positive:
        raise CheckSkipped(f"{rules.metric} is of one class: give the model `positive`")
    return classes


def _outcome(rules: FairnessRules, state: Fairness, found: list[Gap], given: CheckInput) -> Outcome:
    rates, gap = state.rates(), found[0] if found else state.widest()
    if gap is None:
        there = next(iter(rates), "none")
        raise CheckSkipped(f"{rules.metric} compares two groups of {rules.column}, and of these only {there} had rows")
    lines = [
        f"{name}: {rate.value:.3g} ({rate.interval()[0]:.2g} to {rate.interval()[1]:.2g}) of {rate.rows} rows"
        for name, rate in sorted(rates.items(), key=lambda one: one[1].value)
    ]
    interval = f"95 % interval {gap.low:.2g} to {gap.high:.2g}"
    whose = f"{rules.metric.in_words} of {rules.column} = {gap.above} is {gap.value:.3g} above that of {gap.below}"
    summary = f"{rules.metric}: {whose} ({interval}), and should be {rules.at_most:g} at most"
    names = list(rates)
    bounds = [rates[name].interval() for name in names]
    chart = Chart(
        f"{rules.metric} by {rules.column}",
        list(names),
        {
            "low": [low for low, _ in bounds],
            rules.metric.in_words: [rates[name].value for name in names],
            "high": [high for _, high in bounds],
        },
    )
    chance = f"a false alarm in its whole life with a chance of {rules.alpha:.2g} at most, over all pairs of groups"
    measured = Measured(str(rules.metric), gap.value, rules.at_most)
    details = [*lines, *filter(None, [given.window.missed])]
    return Outcome(pack(state), bool(found), summary, details, [rules.column], chart, chance, measured)
