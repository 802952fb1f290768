"""The checks of performance: measured where labels have come, estimated where not, in slices where the whole is fine.

Pure: a window and a reference in, an outcome out. Each may take seconds: they are for threads.
"""

import math
from typing import NamedTuple

import msgspec

from bot.domain.event import Chart
from bot.domain.watched.monitor import Metric, MonitorKind, MonitorRules, WatchedModel
from bot.watches.models.estimates import Estimates
from bot.watches.models.rows import Task, task_of
from bot.watches.models.window import Known, Table, Window, chosen
from bot.watches.models.wording import Outcome, Unchecked, few
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
    """How bad each unit is, whose mean is to stay below the scale's level, and the metric where it can be told."""

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
            told = rows.truth != 0
            rows, table = rows.where(told), chosen(table, told)
        scale = self.scale if self.scale.metric in _ROWWISE else Scale("accuracy", 0.5)
        return badness(rows, scale), table


def check_performance(
    monitor: MonitorRules, model: WatchedModel, packed: bytes, window: Window, known: Known | None
) -> Outcome:
    """Whether the model does worse than it may. Raises Unchecked."""
    if not window.table.rows:
        raise Unchecked(window.missed or "no labelled rows")
    judge = judge_for(monitor, window.table, known)
    state = unpack(packed, Judgement) if packed else _beginning(monitor, model, judge, known)
    whole = judge.of(window.table)
    worse = state.whole.update(whole.badness)
    inside = _update_slices(state, judge, window.table)
    values = {bet.slice.text: _value(judge, bet, window.table) for bet in inside}
    if monitor.slices == "auto" and not worse:
        _look_for_slices(state, monitor, model, judge, window.table, known)
    return _outcome(monitor, pack(state), judge, whole, worse, inside, values, window, known)


def judge_for(monitor: MonitorRules, table: Table, known: Known | None) -> Judge:
    """What the rows are judged by: the limit is given, or follows from the reference. Raises Unchecked."""
    assert monitor.metric is not None
    task = task_of(monitor, known.table if known and known.table.label is not None else table)
    baseline, losses, unit = None, None, 1.0
    if known is not None and known.table.label is not None and known.table.prediction is not None:
        rows, _ = task.rows_of(known.table)
        unit = naive_error(rows.truth) if monitor.metric is Metric.MASE else 1.0
        losses = losses_of(rows, monitor.metric, unit or 1.0) if monitor.metric.is_error else None
        baseline = value_of(rows, Scale(monitor.metric, 0.5, unit=unit or 1.0, positive=task.positive))
    elif monitor.metric is Metric.MASE:
        raise Unchecked("mase is scaled by the reference's labels in the order of time, and there are none")
    limit = _limit(monitor, baseline)
    try:
        scale = scale_for(monitor.metric, limit, losses, unit or 1.0, task.positive)
    except ValueError as error:
        raise Unchecked(str(error)) from error
    estimates = None
    if monitor.kind is MonitorKind.ESTIMATED_PERFORMANCE:
        name = f"estimates of {monitor.metric}"
        estimates = known.fitted.get(name) if known else None
        if estimates is None:
            estimates = Estimates.fitted(task, known)
        if known is not None:
            known.fitted[name] = estimates
    return Judge(task, scale, estimates, baseline)


def _limit(monitor: MonitorRules, baseline: float | None) -> float:
    given = monitor.minimum if monitor.minimum is not None else monitor.maximum
    if given is not None:
        return given
    if baseline is None:
        raise Unchecked("there is no reference with labels and predictions: give one, or a minimum (errors: a maximum)")
    assert monitor.metric is not None
    return baseline * (1 + monitor.margin) if monitor.metric.is_error else baseline - monitor.margin


def _beginning(monitor: MonitorRules, model: WatchedModel, judge: Judge, known: Known | None) -> Judgement:
    if monitor.slices is None:
        return Judgement(Bettor.at(judge.scale.level, monitor.alpha))
    whole = Bettor.at(judge.scale.level, monitor.alpha / 2)
    if monitor.slices == "auto":
        return Judgement(whole)
    if known is None:
        raise Unchecked("slices are cut at the reference's quartiles, and there is no reference")
    parts = parts_of(known.features, monitor.slices)
    if not parts:
        raise Unchecked(f"the reference {known.reference.version} has none of the features {few(monitor.slices)}")
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
    state: Judgement, monitor: MonitorRules, model: WatchedModel, judge: Judge, table: Table, known: Known | None
) -> None:
    """Slices that look bad now are bet on from the next window on: these rows have had their say."""
    bad, rows = judge.each_row(table)
    features = list(model.features or rows.features)
    before = known.features if known else build(rows.features)
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
    """The metric in a slice, where it can be told, and in how many rows."""
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
    monitor: MonitorRules,
    packed: bytes,
    judge: Judge,
    whole: Judged,
    worse: bool,
    inside: list[Bet],
    values: dict[str, tuple[float | None, int]],
    window: Window,
    known: Known | None,
) -> Outcome:
    metric, scale = monitor.metric, judge.scale
    lines = [_line(scale, where, *told) for where, told in values.items()]
    about = "estimated " if judge.estimates is not None else ""
    value = "unknown" if whole.value is None else f"{whole.value:.3g}"
    bound = f"{'at most' if monitor.metric and monitor.metric.is_error else 'at least'} {scale.limit:.3g}"
    beside = f", {judge.baseline:.3g} on the reference {known.reference.version}" if judge.baseline and known else ""
    said = f"{about}{metric} is {value}, and should be {bound}{beside}"
    features = list(dict.fromkeys(part.feature for bet in inside for part in bet.slice.parts))
    if inside and not worse:
        said = f"{about}{metric} is too bad {lines[0]}, though {value} on the whole"
    details = [*lines, *([window.missed] if window.missed else [])]
    chance = f"{monitor.alpha:.2g}"
    guarantee = f"a false alarm in its whole life with a chance of {chance} at most, as long as it is {bound}"
    return Outcome(packed, worse or bool(inside), said, details, features, _chart(judge, whole, values), guarantee)
