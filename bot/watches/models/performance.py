"""The checks of performance: measured where labels have come, estimated where not, in slices where the whole is fine.

Pure: a window and a reference in, an outcome out. Each may take seconds: they are for threads.
"""

import math
from typing import NamedTuple

import msgspec

from bot.domain.event import Chart
from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import Metric
from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.estimates import Estimates
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped, Outcome, few
from bot.watches.models.task import Task, task_of
from bot.watches.models.window import LoadedReference, Table, Window, chosen
from detectors.drift.packing import Array, pack, unpack
from detectors.drift.profile import build
from detectors.performance.badness import Scale, badness, losses_of, scale_for, value_of
from detectors.performance.betting import Bettor
from detectors.performance.measured import naive_error
from detectors.performance.slices import Part, Slice, parts_of, worst

_MOST_SLICES = 20
_ROWWISE = (Metric.ACCURACY, Metric.MAE, Metric.RMSE, Metric.MAPE, Metric.MASE)


class Bet(msgspec.Struct):
    """A slice that is watched, and the bettor on its rows."""

    slice: Slice
    bettor: Bettor


class Judgement(msgspec.Struct):
    """What a monitor of performance has learnt. ``scale`` is fixed at its beginning; ``found`` counts slices."""

    whole: Bettor
    slices: list[Bet] = []
    found: int = 0


class Judged(NamedTuple):
    """How bad each unit is, whose mean is to stay below the scale's level, and the metric where it is known."""

    badness: Array
    value: float | None


class Judge:
    """Judges rows, all or of a slice: from their labels, or from what the model's errors on the reference were like."""

    def __init__(self, task: Task, scale: Scale, estimates: Estimates | None, baseline: float | None) -> None:
        self.task, self.scale, self.estimates, self.baseline = task, scale, estimates, baseline

    def of(self, table: Table) -> Judged:
        if self.estimates is not None:
            return Judged(*self.estimates.of(table, self.scale))
        rows, _ = self.task.rows_of(table)
        return Judged(badness(rows, self.scale), value_of(rows, self.scale))

    def each_row(self, table: Table) -> tuple[Array, Table]:
        """How bad each row is, for finding slices; and the rows themselves, without those that cannot be judged."""
        if self.estimates is not None:
            return self.estimates.each_row(table, self.scale), table
        rows, usable = self.task.rows_of(table)
        table = chosen(table, usable)
        if self.scale.metric == Metric.MAPE:
            nonzero = rows.truth != 0
            rows, table = rows.where(nonzero), chosen(table, nonzero)
        scale = self.scale if self.scale.metric in _ROWWISE else Scale("accuracy", 0.5)
        return badness(rows, scale), table


def check_performance(
    monitor: PerformanceRules, model: WatchedModel, blob: bytes, window: Window, loaded: LoadedReference | None
) -> Outcome:
    """Whether the model does worse than it may. Raises CheckSkipped."""
    if not window.table.rows:
        raise CheckSkipped(window.missed or "no labelled rows")
    judge = judge_for(monitor, window.table, loaded)
    state = unpack(blob, Judgement) if blob else _beginning(monitor, model, judge, loaded)
    whole = judge.of(window.table)
    worse = state.whole.update(whole.badness)
    inside = _update_slices(state, judge, window.table)
    values = {bet.slice.text: _value(judge, bet, window.table) for bet in inside}
    if monitor.slices == "auto" and not worse:
        _look_for_slices(state, monitor, model, judge, window.table, loaded)
    return _outcome(monitor, pack(state), judge, whole, worse, inside, values, window, loaded)


def judge_for(monitor: PerformanceRules, table: Table, loaded: LoadedReference | None) -> Judge:
    """What the rows are judged by: the limit is given, or follows from the reference. Raises CheckSkipped."""
    assert monitor.metric is not None
    task = task_of(monitor, loaded.table if loaded and loaded.table.label is not None else table)
    baseline, losses, unit = None, None, 1.0
    if loaded is not None and loaded.table.label is not None and loaded.table.prediction is not None:
        rows, _ = task.rows_of(loaded.table)
        unit = naive_error(rows.truth) if monitor.metric is Metric.MASE else 1.0
        losses = losses_of(rows, monitor.metric, unit or 1.0) if monitor.metric.is_error else None
        baseline = value_of(rows, Scale(monitor.metric, 0.5, unit=unit or 1.0, positive=task.positive))
    elif monitor.metric is Metric.MASE:
        raise CheckSkipped("mase is scaled by the reference's labels in the order of time, and there are none")
    limit = _limit(monitor, baseline)
    try:
        scale = scale_for(monitor.metric, limit, losses, unit or 1.0, task.positive)
    except ValueError as error:
        raise CheckSkipped(str(error)) from error
    estimates = None
    if monitor.kind == FindingKind.ESTIMATED_PERFORMANCE:
        name = f"estimates of {monitor.metric}"
        estimates = loaded.fitted.get(name) if loaded else None
        if estimates is None:
            estimates = Estimates.fitted(task, loaded)
        if loaded is not None:
            loaded.fitted[name] = estimates
    return Judge(task, scale, estimates, baseline)


def _limit(monitor: PerformanceRules, baseline: float | None) -> float:
    given = monitor.minimum if monitor.minimum is not None else monitor.maximum
    if given is not None:
        return given
    if baseline is None:
        raise CheckSkipped(
            "there is no reference with labels and predictions: give one, or a minimum (errors: a maximum)"
        )
    assert monitor.metric is not None
    return baseline * (1 + monitor.margin) if monitor.metric.is_error else baseline - monitor.margin


def _beginning(
    monitor: PerformanceRules, model: WatchedModel, judge: Judge, loaded: LoadedReference | None
) -> Judgement:
    if monitor.slices is None:
        return Judgement(Bettor.at(judge.scale.level, monitor.alpha))
    whole = Bettor.at(judge.scale.level, monitor.alpha / 2)
    if monitor.slices == "auto":
        return Judgement(whole)
    if loaded is None:
        raise CheckSkipped("slices are cut at the reference's quartiles, and there is no reference")
    parts = parts_of(loaded.features, monitor.slices)
    if not parts:
        raise CheckSkipped(f"the reference {loaded.version} has none of the features {few(monitor.slices)}")
    share = monitor.alpha / 2 / len(parts)
    return Judgement(whole, [Bet(Slice((part,)), Bettor.at(judge.scale.level, share)) for part in parts])


def _update_slices(state: Judgement, judge: Judge, table: Table) -> list[Bet]:
    """The slices in which the model does worse than it may, the surest first."""
    for bet in state.slices:
        mask = bet.slice.holds(table.features, table.rows)
        if mask.any():
            bet.bettor.update(judge.of(chosen(table, mask)).badness)
    worse = [bet for bet in state.slices if bet.bettor.worse]
    return sorted(worse, key=lambda bet: -bet.bettor.evidence)


def _look_for_slices(
    state: Judgement,
    monitor: PerformanceRules,
    model: WatchedModel,
    judge: Judge,
    table: Table,
    loaded: LoadedReference | None,
) -> None:
    """Slices that look bad now are bet on from the next window on: these rows were counted already."""
    bad, rows = judge.each_row(table)
    features = list(model.features or rows.features)
    before = loaded.features if loaded else build(rows.features)
    parts: list[Part] = parts_of(before, features)
    for found in worst(rows.features, bad, parts, known=[bet.slice for bet in state.slices]):
        state.found += 1
        share = monitor.alpha / 2 * 6 / (math.pi * state.found) ** 2
        state.slices.append(Bet(found, Bettor.at(judge.scale.level, share)))
    if len(state.slices) > _MOST_SLICES:
        calm = [bet for bet in state.slices if not bet.bettor.worse]
        gone = {id(bet) for bet in calm[: len(state.slices) - _MOST_SLICES]}
        state.slices = [bet for bet in state.slices if id(bet) not in gone]


def _value(judge: Judge, bet: Bet, table: Table) -> tuple[float | None, int]:
    """The metric in a slice, where it is known, and in how many rows."""
    mask = bet.slice.holds(table.features, table.rows)
    return (judge.of(chosen(table, mask)).value if mask.any() else None), int(mask.sum())


def _line(scale: Scale, where: str, value: float | None, rows: int) -> str:
    return f"where {where}" + ("" if value is None else f": {scale.metric} {value:.3g} in {rows} rows")


def _chart(judge: Judge, whole: Judged, values: dict[str, tuple[float | None, int]]) -> Chart:
    """The metric on the reference, now, and in the slices where it is too bad."""
    bars = {"reference": judge.baseline, "now": whole.value}
    bars |= {where: value for where, (value, _) in values.items()}
    title = f"{judge.scale.metric}, limit {judge.scale.limit:.3g}"
    return Chart(title, list(bars), {judge.scale.metric: list(bars.values())})


def _outcome(
    monitor: PerformanceRules,
    blob: bytes,
    judge: Judge,
    whole: Judged,
    worse: bool,
    inside: list[Bet],
    values: dict[str, tuple[float | None, int]],
    window: Window,
    loaded: LoadedReference | None,
) -> Outcome:
    metric, scale = monitor.metric, judge.scale
    lines = [_line(scale, where, *measured) for where, measured in values.items()]
    about = "estimated " if judge.estimates is not None else ""
    value = "unknown" if whole.value is None else f"{whole.value:.3g}"
    bound = f"{'at most' if monitor.metric and monitor.metric.is_error else 'at least'} {scale.limit:.3g}"
    beside = f", {judge.baseline:.3g} on the reference {loaded.version}" if judge.baseline and loaded else ""
    summary = f"{about}{metric} is {value}, and should be {bound}{beside}"
    features = list(dict.fromkeys(part.feature for bet in inside for part in bet.slice.parts))
    if inside and not worse:
        summary = f"{about}{metric} is too bad {lines[0]}, though {value} on the whole"
    details = [*lines, *([window.missed] if window.missed else [])]
    chance = f"{monitor.alpha:.2g}"
    guarantee = f"a false alarm in its whole life with a chance of {chance} at most, as long as it is {bound}"
    return Outcome(blob, worse or bool(inside), summary, details, features, _chart(judge, whole, values), guarantee)
