"""A shift: how far, and in which way, a series has gone from the level that it had."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

LEAST = 10
_LARGEST = 4.0
_HELD = 0.1

Points = Sequence[tuple[float, float]]
"""Moments in seconds, and values."""


class Shift(NamedTuple):
    """What a level is now: so many times what it was, or so much more where it has no ``factor``.

    Parameters
    ----------
    offset
        How much more it is, in the unit of the series.
    factor
        How many times as much it is, between a quarter and four; None where ``offset`` says more.
    held
        Whether the later half is where the earlier was, within a tenth of the shift or what a step usually is.

    Examples
    --------
    >>> shift_of([(at, 30.0) for at in range(20)], lambda at: 20.0)
    Shift(offset=10.0, factor=1.5, held=True)
    >>> shift_of([(at, 30.0 + at) for at in range(20)], lambda at: 20.0).held
    False
    """

    offset: float
    factor: float | None
    held: bool

    @property
    def goes_up(self) -> bool:
        return self.offset > 0


def shift_of(points: Points, expected: Callable[[float], float]) -> Shift | None:
    """How far values are from what was expected at their moments; None of fewer than ten.

    What is measured of services is positive, and all of it moves in proportion where one request costs more: so that is
    taken for true, for an hour of a day's course does not tell. What was near nothing or below it has no proportion.

    Parameters
    ----------
    points
        Moments and values since the level began.
    expected
        What would have been expected at a moment.

    Returns
    -------
    The shift; None of fewer than ten points.

    Examples
    --------
    >>> round(shift_of([(at, 30.0) for at in range(20)], lambda at: 20.0).factor, 3)
    1.5
    """
    if len(points) < LEAST:
        return None
    before = [expected(at) for at, _ in points]
    offsets = [value - one for (_, value), one in zip(points, before, strict=True)]
    middle = median(offsets)
    half = len(points) // 2
    noise = median(abs(later - earlier) for earlier, later in pairwise(offsets))
    held = abs(median(offsets[half:]) - median(offsets[:half])) <= max(_HELD * abs(middle), noise)
    return Shift(middle, _factor([value for _, value in points], before), held)


def _factor(values: Sequence[float], before: Sequence[float]) -> float | None:
    if min(before) <= 0 or min(values) <= 0:
        return None
    factor = math.exp(median(math.log(value / one) for value, one in zip(values, before, strict=True)))
    return factor if 1 / _LARGEST <= factor <= _LARGEST else None
