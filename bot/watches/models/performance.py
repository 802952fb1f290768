"""The checks of performance: measured where labels have come, estimated where not, in slices where the whole is fine.

Pure: a window and a reference in, an outcome out. Each may take seconds: they are for threads.
"""

import math
from typing import Any

import msgspec

from bot.domain.event import Chart
from bot.domain.watched.figures import Measured
from bot.domain.watched.metric import Average, Metric
from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.by_class import check_each_class
from bot.watches.models.judge import Judge, Judged, judge_for
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped, Outcome, few
from bot.watches.models.measuring.attribution import explained
from bot.watches.models.task import Task, task_of
from bot.watches.models.window import LoadedReference, Table, Window, chosen
from detectors.drift.packing import pack, unpack
from detectors.drift.profile import build
from detectors.performance.betting import Bettor
from detectors.performance.scale import Scale
from detectors.performance.slices import Part, Slice, parts_of, worst

_MOST_SLICES = 20


class Bet(msgspec.Struct):
    """A slice that is watched, and the bettor on its rows."""

    slice: Slice
    bettor: Bettor


class Judgement(msgspec.Struct):
    """What a monitor of performance has learnt: ``found`` counts slices, ``positive`` is the class that it is of.

    ``bounds`` are those of a ratio, from the first rows where the reference has none.
    """

    whole: Bettor
    slices: list[Bet] = []
    found: int = 0
    positive: str = ""
    bounds: tuple[float, float] | None = None


def check_performance(
    monitor: PerformanceRules, model: WatchedModel, blob: bytes, window: Window, loaded: LoadedReference | None
) -> Outcome:
    """Whether the model does worse than it may. Raises CheckSkipped."""
    if not window.table.rows:
        raise CheckSkipped(window.missed or "no labelled rows")
    before = loaded if loaded is not None and loaded.table.label is not None else None
    task = task_of(monitor, model, window.table, before)
    if task.classes is not None and task.classes.average is Average.PER_CLASS:
        judges = {name: judge_for(monitor, task, loaded, name) for name in task.names}
        return check_each_class(monitor, judges, blob, window, loaded)
    state = unpack(blob, Judgement) if blob else None
    bounds = state.bounds if state else None
    judge = judge_for(monitor, task, loaded, window=None if bounds else window.table, bounds=bounds)
    if state is None or not _goes_on(state, judge):
        state = _beginning(monitor, model, judge, loaded)
    whole = judge.of(window.table)
    if not len(whole.badness):
        raise CheckSkipped(_tells_nothing(task, window))
    worse = state.whole.update(whole.badness)
    inside = _update_slices(state, judge, window.table) if monitor.slices is not None else []
    if monitor.slices == "auto" and not worse:
        _look_for_slices(state, monitor, model, judge, window.table, loaded)
    values = {bet.slice.text: _value(judge, bet, window.table) for bet in inside}
    return _outcome(monitor, model, pack(state), judge, whole, worse, inside, values, window, loaded)


def _goes_on(state: Judgement, judge: Judge) -> bool:
    """Whether what was learnt is of the same limit and class. States of earlier versions name no class: the greater."""
    same_class = not judge.task.positive or judge.task.positive == (state.positive or judge.task.names[-1])
    return same_class and math.isclose(state.whole.limit, judge.scale.level, rel_tol=1e-9)


def _tells_nothing(task: Task, window: Window) -> str:
    rows = window.table.rows
    if task.classes is None or not task.metric.of_one_class:
        return f"none of {rows} rows has a label and a prediction that {task.metric} can be measured by"
    if task.positive and task.metric is Metric.PRECISION:
        return f"{task.positive!r} was predicted for none of {rows} rows, and {task.metric} is of these"
    if task.positive:
        return f"none of {rows} labels is {task.positive!r}, and {task.metric} is of these"
    return f"{task.in_words} needs rows of every class, and of one none is among {rows}"


def _beginning(
    monitor: PerformanceRules, model: WatchedModel, judge: Judge, loaded: LoadedReference | None
) -> Judgement:
    bounds = (judge.scale.cap, judge.scale.floor) if judge.scale.floor else None
    learnt: dict[str, Any] = {"positive": judge.task.positive, "bounds": bounds}
    if monitor.slices is None:
        return Judgement(Bettor.at(judge.scale.level, monitor.alpha), **learnt)
    whole = Bettor.at(judge.scale.level, monitor.alpha / 2)
    if monitor.slices == "auto":
        return Judgement(whole, **learnt)
    if loaded is None:
        raise CheckSkipped("slices are cut at the reference's quartiles, and there is no reference")
    parts = parts_of(loaded.features, monitor.slices)
    if not parts:
        raise CheckSkipped(f"the reference {loaded.version} has none of the features {few(monitor.slices)}")
    share = monitor.alpha / 2 / len(parts)
    return Judgement(whole, [Bet(Slice((part,)), Bettor.at(judge.scale.level, share)) for part in parts], **learnt)


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
    features = [name for name in model.features or rows.features if name not in model.ignore]
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
    model: WatchedModel,
    blob: bytes,
    judge: Judge,
    whole: Judged,
    worse: bool,
    inside: list[Bet],
    values: dict[str, tuple[float | None, int]],
    window: Window,
    loaded: LoadedReference | None,
) -> Outcome:
    metric, scale = judge.task.in_words, judge.scale
    lines = [_line(scale, where, *measured) for where, measured in values.items()]
    about = "estimated " if judge.estimates is not None else ""
    value = "unknown" if whole.value is None else f"{whole.value:.3g}"
    bound = f"{'at most' if monitor.metric and monitor.metric.is_error else 'at least'} {scale.limit:.3g}"
    known = judge.baseline is not None and loaded is not None
    beside = f", {judge.baseline:.3g} on the reference {loaded.version}" if known and loaded else ""
    summary = f"{about}{metric} is {value}, and should be {bound}{beside}"
    features = list(dict.fromkeys(part.feature for bet in inside for part in bet.slice.parts))
    if inside and not worse:
        summary = f"{about}{metric} is too bad {lines[0]}, though {value} on the whole"
    unusable = judge.unusable(window.table)
    odd = f"{unusable} of {window.table.rows} rows have no label or prediction that is finite" if unusable else ""
    goes_with = explained(judge, model, window.table, loaded) if worse else []
    summary += "".join(f"; {line}" for line in goes_with[:1])
    details = [*lines, *goes_with, *filter(None, (odd, window.missed))]
    chance = f"{monitor.alpha:.2g}"
    guarantee = f"a false alarm in its whole life with a chance of {chance} at most, as long as it is {bound}"
    measured = Measured(str(metric), whole.value, scale.limit, judge.baseline if known else None)
    chart = _chart(judge, whole, values)
    return Outcome(blob, worse or bool(inside), summary, details, features, chart, guarantee, measured)
