"""The checks that alibi-detect makes for us: univariate as its TabularDrift, multivariate as its MMDDrift.

Its detectors test each window by itself: ``alpha`` is for each check, so that a false alarm is to be expected once in
1/alpha checks. The promise for a monitor's whole life is that of our own engine.
"""

import asyncio

import numpy as np

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.alibi.online import check_by_online
from bot.watches.models.alibi.process import Alibi
from bot.watches.models.alibi.rows import Most, matrices_of
from bot.watches.models.data_checks import Sides, chart_of, compared, moved
from bot.watches.models.kinds.drift import DriftRules
from bot.watches.models.kinds.online import OnlineMonitorRules
from bot.watches.models.kinds.outliers import OutlierMethod, OutlierRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, few
from bot.watches.models.measuring.looks import with_looks
from bot.watches.models.measuring.outliers import judge_outliers, rows_of, series_of
from detectors.drift.categories import Categorical
from detectors.drift.counted import population_stability
from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.profile import Profile
from detectors.drift.result import Result, drifted

_UNIVARIATE_ROWS = 100_000
_TOGETHER_ROWS = 2_000
"""MMD takes memory by the square of the rows."""


async def check_by_alibi(alibi: Alibi, monitor: MonitorRules, given: CheckInput) -> Outcome:
    """Raises CheckSkipped, EngineUnavailable."""
    loaded = given.loaded()
    if isinstance(monitor, OutlierRules):
        return await _outliers(alibi, monitor, given)
    if isinstance(monitor, OnlineMonitorRules) and monitor.online is not None:
        return await check_by_online(alibi, monitor, given)
    together = monitor.kind == FindingKind.MULTIVARIATE
    before, table = compared(monitor, given.model, given.window.table, loaded)
    names = list(before.columns)
    most = _TOGETHER_ROWS if together else _UNIVARIATE_ROWS
    arrays = await asyncio.to_thread(matrices_of, monitor, given, before, Most(most, most))
    categorical = [place for place, name in enumerate(names) if isinstance(before.columns[name], Categorical)]
    job = {"test": "mmd" if together else "univariate", "alpha": monitor.alpha, "categorical": categorical}
    answer = await alibi.run(job, arrays)
    after = await asyncio.to_thread(before.read, table)
    sides = Sides(before, after, loaded.version)
    if together:
        return _together(monitor, answer["p"], answer["distance"], sides)
    return _by_column(monitor, dict(zip(names, answer["p"], strict=True)), sides)


async def _outliers(alibi: Alibi, monitor: OutlierRules, given: CheckInput) -> Outcome:
    loaded = given.loaded()
    if monitor.method is OutlierMethod.SPECTRAL_RESIDUAL:
        usual, rows = await asyncio.to_thread(series_of, monitor, given)
    else:
        usual, rows = await asyncio.to_thread(rows_of, given.model, given.window, loaded)
    job = {"test": "outliers", "method": str(monitor.method), "share": monitor.usual}
    answer = await alibi.run(job, {"reference": usual, "window": rows})
    return judge_outliers(monitor, given.state, np.array(answer["outliers"], dtype=np.float64), loaded)


def _guarantee(monitor: MonitorRules) -> str:
    return f"of alibi-detect: a false alarm in each check with a chance of {monitor.alpha:.2g}"


def _together(monitor: MonitorRules, p: float, distance: float, sides: Sides) -> Outcome:
    summary = f"MMD² {distance:.3g} from the reference {sides.version}, p = {p:.3g}"
    if p >= monitor.alpha:
        return Outcome(b"", False, summary, guarantee=_guarantee(monitor))
    results = kolmogorov_smirnov(sides.before, sides.after)
    columns = sorted(results, key=lambda name: -results[name].statistic)[:3]
    chart = chart_of(sides, columns[0]) if columns else None
    return Outcome(b"", True, summary, moved(sides, columns), columns, chart, _guarantee(monitor))


def _counts(monitor: MonitorRules, name: str, sides: Sides) -> bool:
    """Whether a column moved by as much as counts; its effect is taken as it is, since p is of one check alone."""
    if not isinstance(monitor, DriftRules) or name not in sides.after.columns:
        return True
    before, after = (Profile(0, {name: side.columns[name]}) for side in (sides.before, sides.after))
    found = population_stability(before, after).get(name)
    return found is None or found.statistic >= monitor.effect.psi


def _by_column(monitor: MonitorRules, p_values: dict[str, float], sides: Sides) -> Outcome:
    results = {name: Result(0.0, p) for name, p in p_values.items()}
    columns = [name for name in drifted(results, monitor.alpha) if _counts(monitor, name, sides)]
    if not columns:
        least = min(p_values.values(), default=1.0)
        summary = f"no drift of {len(results)} columns (the least p is {least:.2g})"
        return with_looks(Outcome(b"", False, summary, guarantee=_guarantee(monitor)), sides.before, sides.after)
    lines = moved(sides, columns)
    summary = f"{few(columns)} drifted from the reference {sides.version}: {'; '.join(lines[:2])}"
    chart = chart_of(sides, columns[0])
    outcome = Outcome(b"", True, summary, lines, columns, chart, _guarantee(monitor))
    return with_looks(outcome, sides.before, sides.after)
