"""Crossing: when one of many possible futures first is beyond a limit."""

from math import inf
from typing import NamedTuple

import numpy as np

from detectors.forecast.arrays import Array

SHARE = 0.1
"""One future in ten."""


class Crossing(NamedTuple):
    """``probability`` that the limit is crossed within the horizon; ``earliest``, ``median`` and ``latest`` are when,
    such that one future in ten is earlier and one in ten later. Infinite where it is not within the horizon.

    Parameters
    ----------
    probability
        Between 0 and 1.
    earliest, median, latest
        In the unit of the horizons.

    Examples
    --------
    >>> Crossing(0.9, 25.0, 40.0, 70.0).median
    40.0
    """

    probability: float
    earliest: float
    median: float
    latest: float


def crossing(
    now: float, futures: Array, horizons: Array, limit: float, shares: tuple[float, float] = (SHARE, SHARE)
) -> Crossing:
    """When the futures reach a limit, from below.

    Parameters
    ----------
    now
        Where all of them begin.
    futures
        A future a row, a horizon a column.
    horizons
        When these are; ascending, above 0.
    limit
        What is crossed where a future is as great; between two horizons it is on a line.
    shares
        Of the futures that are earlier than ``earliest``, and later than ``latest``.

    Returns
    -------
    Of all of them.

    Examples
    --------
    >>> paths = np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]])
    >>> found = crossing(0.0, paths, np.array([10.0, 20.0]), limit=2.0)
    >>> found.earliest, found.median, found.latest, found.probability
    (5.0, 10.0, 20.0, 0.875)
    """
    if now >= limit:
        return Crossing(1.0, 0.0, 0.0, 0.0)
    count = len(futures)
    whole = np.column_stack([np.full(count, now), futures])
    beyond = whole >= limit
    first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), 0)
    crosses = first > 0
    rows, at = np.arange(count)[crosses], first[crosses]
    ends, times = whole[rows, at], np.concatenate([[0.0], horizons])
    before = whole[rows, at - 1]
    share = (limit - before) / np.maximum(ends - before, np.finfo(float).tiny)
    moments = np.full(count, inf)
    moments[crosses] = times[at - 1] + share * (times[at] - times[at - 1])
    moments.sort()
    probability = (len(at) + 0.5) / (count + 1.0)
    return Crossing(probability, *(float(moments[_rank(count, part)]) for part in (shares[0], 0.5, 1 - shares[1])))


def _rank(count: int, part: float) -> int:
    """The conformal rank: such that the next one is not beyond it as often as is wanted."""
    return min(max(round((count + 1) * part) - 1, 0), count - 1)
