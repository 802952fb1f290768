"""The check of a metric that judges each class by itself, `average: per_class`."""

import math
from collections.abc import Mapping

import msgspec

from bot.domain.event import Chart
from bot.domain.watched.figures import Measured
from bot.watches.models.judge import Judge, Judged
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped, Outcome, few
from bot.watches.models.window import LoadedReference, Window
from detectors.drift.packing import pack, unpack
from detectors.performance.betting import Bettor

_SHOWN = 20


class ByClass(msgspec.Struct):
    """What was learnt of each class, by its name."""

    bettors: dict[str, Bettor]


def check_each_class(
    monitor: PerformanceRules,
    judges: Mapping[str, Judge],
    blob: bytes,
    window: Window,
    loaded: LoadedReference | None,
) -> Outcome:
    """Whether the model does worse than it may in any class. Raises CheckSkipped."""
    if monitor.slices is not None:
        raise CheckSkipped("slices are judged of all classes together: leave out `slices`, or take another average")
    state = _state(monitor, judges, blob)
    judged = {name: judge.of(window.table) for name, judge in judges.items()}
    told = {name: one for name, one in judged.items() if len(one.badness)}
    if not told:
        raise CheckSkipped(f"none of {window.table.rows} rows tells {monitor.metric} of {few(list(judges))}")
    worse = [name for name, one in told.items() if state.bettors[name].update(one.badness)]
    worse += [name for name, bettor in state.bettors.items() if name not in told and bettor.worse]
    lines = [_line(monitor, name, judges[name], judged[name], loaded) for name in worse or told]
    silent = [name for name in judges if name not in told]
    more = [f"nothing came that tells it of {few(silent)}"] if silent else []
    details = [*lines[:_SHOWN], *more, *filter(None, [window.missed])]
    chance = f"a false alarm in its whole life with a chance of {monitor.alpha:.2g} at most, over all classes"
    summary = lines[0] if len(lines) == 1 or not worse else f"{lines[0]}; and {len(lines) - 1} more"
    if not worse:
        summary = f"{monitor.metric} of each of {len(judges)} classes is good enough"
    chart = _chart(monitor, judges, judged)
    return Outcome(pack(state), bool(worse), summary, details, [], chart, chance, _measured(monitor, judges, judged))


def _measured(monitor: PerformanceRules, judges: Mapping[str, Judge], judged: Mapping[str, Judged]) -> Measured:
    """Of the class that is nearest to its limit, or the farthest beyond."""
    known = [(one.value - judges[name].scale.limit, name) for name, one in judged.items() if one.value is not None]
    if not known:
        return Measured(f"{monitor.metric}")
    name = (max if monitor.metric and monitor.metric.is_error else min)(known)[1]
    judge = judges[name]
    return Measured(f"{monitor.metric} of {name}"[:100], judged[name].value, judge.scale.limit, judge.baseline)


def _state(monitor: PerformanceRules, judges: Mapping[str, Judge], blob: bytes) -> ByClass:
    levels = {name: judge.scale.level for name, judge in judges.items()}
    state = unpack(blob, ByClass) if blob else None
    known = state.bettors if state is not None else {}
    if state is not None and known.keys() == levels.keys():
        same = [math.isclose(known[name].limit, level, rel_tol=1e-9) for name, level in levels.items()]
        if all(same):
            return state
    return ByClass({name: Bettor.at(level, monitor.alpha / len(levels)) for name, level in levels.items()})


def _line(monitor: PerformanceRules, name: str, judge: Judge, judged: Judged, loaded: LoadedReference | None) -> str:
    value = "unknown" if judged.value is None else f"{judged.value:.3g}"
    beside = (
        f", {judge.baseline:.3g} on the reference {loaded.version}" if loaded and judge.baseline is not None else ""
    )
    return f"{monitor.metric} of {name} is {value}, and should be at least {judge.scale.limit:.3g}{beside}"


def _chart(monitor: PerformanceRules, judges: Mapping[str, Judge], judged: Mapping[str, Judged]) -> Chart:
    names = list(judges)[:_SHOWN]
    lines = {"reference": [judges[name].baseline for name in names], "now": [judged[name].value for name in names]}
    return Chart(f"{monitor.metric} of each class", list(names), lines)
