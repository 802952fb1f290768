"""How alarms are judged: which were false, and how long before its limit was crossed a series had one."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

_CALM = 6
"""Rows below the limit that end a crossing."""
_PATIENCE = 1.5
"""An alarm is right where the limit is crossed within so many horizons."""


class Judged(NamedTuple):
    """``leads`` has one of each crossing: rows that it was warned of before; 0 where it was not."""

    false: int
    alarms: int
    leads: list[float]


def judge(beyond: Flags, firing: Flags, from_row: int, horizon: int) -> Judged:
    """Compare where an alarm fired with where the limit was crossed. What was before ``from_row`` does not count."""
    inside = _crossings(beyond)
    starts = [at for at in _begins(inside) if at >= from_row + horizon]
    began = [at for at in _begins(firing) if at >= from_row and not inside[at]]
    crossed = np.array(_begins(inside))
    right = [at for at in began if ((crossed > at) & (crossed <= at + _PATIENCE * horizon)).any()]
    return Judged(len(began) - len(right), len(began), [_lead(firing, at, horizon) for at in starts])


def total(judged: Iterable[Judged]) -> Judged:
    every = list(judged)
    leads = [lead for one in every for lead in one.leads]
    return Judged(sum(one.false for one in every), sum(one.alarms for one in every), leads)


def _lead(firing: Flags, at: int, horizon: int) -> float:
    """Of the alarm that fires when the limit is crossed; more than the horizon counts as the horizon."""
    before = at
    while before > 0 and firing[before - 1]:
        before -= 1
    return float(min(at - before, horizon))


def _crossings(beyond: Flags) -> Flags:
    """Where the series counts as beyond: a short while below does not end it."""
    inside = beyond.copy()
    calm = _CALM
    for at, one in enumerate(beyond):
        calm = 0 if one else calm + 1
        inside[at] = calm < _CALM
    return inside


def _begins(flags: Flags) -> Sequence[int]:
    return [int(at) for at in np.flatnonzero(flags & ~np.concatenate([[False], flags[:-1]]))]
