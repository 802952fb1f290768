"""The online detectors of alibi-detect: each row of a window is given to the detector, which goes on with the next one.

What is kept of it are the last rows that it had: with them the worker brings it to where it was, also after a restart.
"""

import asyncio
from typing import NamedTuple

import msgspec
import numpy as np

from bot.watches.models.alibi.process import Alibi
from bot.watches.models.alibi.rows import Most, matrices_of
from bot.watches.models.data_checks import Sides, chart_of, compared, moved
from bot.watches.models.kinds.online import OnlineMethod, OnlineMonitorRules, OnlineRules
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, few
from bot.watches.models.measuring.looks import with_looks
from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.packing import Array
from detectors.drift.profile import Numeric, Profile

_REFERENCE_ROWS, _WINDOW_ROWS, _CELLS = 300, 5_000, 50_000
_TIMEOUT = 900.0
"""Seconds: at first the thresholds are simulated."""
_MOST_OF_TWO_VALUES = 20
"""Columns: the thresholds of each are simulated."""
_TOGETHER_ROWS = 1_000
"""Of the reference. What a detector simulates takes time and memory by the square of them."""


class _State(msgspec.Struct, frozen=True):
    """How many rows the detector had, and the last of them, as single precision."""

    t: int
    rows: bytes


class _Seen(NamedTuple):
    names: list[str]
    reference: Array
    rows: Array


async def check_by_online(alibi: Alibi, monitor: OnlineMonitorRules, given: CheckInput) -> Outcome:
    """Raises CheckSkipped, EngineUnavailable."""
    assert monitor.online is not None
    online, loaded = monitor.online, given.loaded()
    before, table = compared(monitor, given.model, given.window.table, loaded)
    seen = await asyncio.to_thread(_seen, monitor, online, given, before)
    state = msgspec.msgpack.decode(given.state, type=_State) if given.state else _State(0, b"")
    had = np.frombuffer(state.rows, dtype=np.float32).reshape(-1, len(seen.names))
    settings = {"method": str(online.method), "expected_run": online.expected_run, "windows": online.windows}
    job = {"test": "online", "t": state.t, **settings}
    answer = await alibi.run(job, {"reference": seen.reference, "window": seen.rows, "before": had}, _TIMEOUT)
    kept = np.concatenate([had, seen.rows])[-2 * max(online.windows) :]
    state = _State(int(answer["t"]), kept.astype(np.float32).tobytes())
    after = await asyncio.to_thread(before.read, table)
    sides = Sides(before, after, loaded.version)
    columns = [seen.names[place] for place in answer["columns"]]
    return _outcome(online, seen, answer["flagged"], columns, sides, msgspec.msgpack.encode(state))


def _outcome(
    online: OnlineRules, seen: _Seen, flagged: list[int], columns: list[str], sides: Sides, state: bytes
) -> Outcome:
    name, rows = online.method.detector, len(seen.rows)
    guarantee = f"of alibi-detect: a false alarm is to be expected once in {online.expected_run:,} rows"
    if not flagged:
        summary = f"{name} flags none of {rows:,} rows beside the reference {sides.version}"
        return with_looks(Outcome(state, False, summary, guarantee=guarantee), sides.before, sides.after)
    if online.method.together:
        apart = kolmogorov_smirnov(sides.before, sides.after)
        columns = sorted(apart, key=lambda column: -apart[column].statistic)[:3]
        what = "the columns together"
    else:
        what = few(columns)
    summary = f"{what} drifted from the reference {sides.version}: {name} flags {len(flagged):,} of {rows:,} rows"
    summary += f", the first is row {flagged[0] + 1:,}"
    chart = chart_of(sides, columns[0]) if columns else None
    outcome = Outcome(state, True, summary, moved(sides, columns), columns, chart, guarantee)
    return with_looks(outcome, sides.before, sides.after)


def _seen(monitor: OnlineMonitorRules, online: OnlineRules, given: CheckInput, before: Profile) -> _Seen:
    """What the detector looks at. Raises CheckSkipped."""
    names = list(before.columns)
    if online.method is OnlineMethod.CVM:
        names = [name for name in names if isinstance(before.columns[name], Numeric)]
    rows = max(min(_WINDOW_ROWS, _CELLS // max(len(names), 1)), 500)
    most = Most(_TOGETHER_ROWS if online.method.together else _REFERENCE_ROWS, rows)
    known = Profile(before.rows, {name: before.columns[name] for name in names})
    sides = matrices_of(monitor, given, known, most)
    seen = _Seen(names, sides["reference"], sides["window"])
    if online.method is OnlineMethod.FET:
        seen = _of_two_values(seen)
    if not seen.names:
        wanted = "numbers" if online.method is OnlineMethod.CVM else "two values"
        raise CheckSkipped(f"{online.method.detector} is for columns of {wanted}, and there is none")
    if online.method is OnlineMethod.FET and len(seen.names) > _MOST_OF_TWO_VALUES:
        what = f"{_MOST_OF_TWO_VALUES} columns at most, and {len(seen.names)} have two values: name the features"
        raise CheckSkipped(f"{online.method.detector} looks at {what}")
    least = max(online.windows) * {OnlineMethod.LSDD: 5, OnlineMethod.MMD: 3}.get(online.method, 1)
    if len(seen.reference) < least:
        raise CheckSkipped(f"{online.method.detector} needs a reference of {least:,} rows for windows of this size")
    return seen


def _of_two_values(seen: _Seen) -> _Seen:
    """The columns that have two values in the reference; the greater one counts as 1."""
    there = [place for place in range(len(seen.names)) if len(np.unique(seen.reference[:, place])) == 2]
    greater = seen.reference[:, there].max(axis=0, initial=-np.inf)
    sides = [(side[:, there] == greater).astype(np.float32) for side in (seen.reference, seen.rows)]
    return _Seen([seen.names[place] for place in there], sides[0], sides[1])
