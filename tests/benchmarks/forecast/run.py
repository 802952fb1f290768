"""A series forecast online, row by row, and what became of it."""

import time
from math import inf, isinf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.forecast import Forecast
from detectors.forecast.alarm import Alarm
from detectors.forecast.timing import Timing
from tests.benchmarks.forecast.made import Series

AHEAD = 7200.0
_LEARNING = 86_400.0
"""Seconds at the beginning that do not count."""
_PER_CROSSING = 0.5
"""The probability at which a crossing is judged, once: whether it came within the interval of its moment."""

Array = npt.NDArray[np.float64]


class Run(NamedTuple):
    """At each row the probability of a crossing; by minutes ahead whether the intervals held; whether crossings came
    when that was forecast, and of those the ones whose interval ended within the horizon."""

    probability: Array
    held: dict[float, list[bool]]
    timely: list[bool]
    ended: list[bool]
    seconds: float
    steps: int
    size: int


def run(one: Series) -> Run:
    forecast, timing = Forecast.over(AHEAD), Timing()
    probability = np.full(len(one.times), np.nan)
    waiting: dict[tuple[int, float], tuple[float, float]] = {}
    held: dict[float, list[bool]] = {}
    moments: list[tuple[float, float, float]] = []
    crossed: list[float] = []
    steps, began = 0, time.perf_counter()
    for row, (at, value) in enumerate(zip(one.times, one.values, strict=True)):
        if not forecast.update(at, value):
            continue
        steps += 1
        counts = at - one.times[0] > _LEARNING
        _hear(forecast, waiting, held, counts)
        latest = forecast.latest()
        beyond = latest is not None and latest >= one.limit
        found = timing.look(forecast.at, beyond, forecast.crossing(one.limit, shares=timing.shares))
        probability[row] = 1.0 if beyond else found.probability if found else 0.0
        if beyond:
            crossed.append(forecast.at)
        elif found and counts and found.probability > _PER_CROSSING:
            moments.append((forecast.at, forecast.at + found.earliest, forecast.at + found.latest))
    seconds = time.perf_counter() - began
    timely = _timely(moments, crossed)
    ended = [held for held, (_, _, until) in zip(timely, moments, strict=True) if not isinf(until)]
    return Run(probability, held, timely, ended, seconds, steps, len(forecast.state()))


def fires_at(what: Run, sure: float) -> npt.NDArray[np.bool_]:
    """Where the alarm fires; it looks at each step."""
    alarm = Alarm(sure, sure / 2)
    return np.array([alarm.fires if np.isnan(one) else alarm.look(one) for one in what.probability])


def _hear(
    forecast: Forecast,
    waiting: dict[tuple[int, float], tuple[float, float]],
    held: dict[float, list[bool]],
    counts: bool,
) -> None:
    """Compare what came with what was said of it, and note what is said now. Nothing is judged twice."""
    size, interval, value = forecast.steps.size, forecast.interval(), forecast.latest()
    for key in [key for key in waiting if key[0] <= forecast.number]:
        low, high = waiting.pop(key)
        if key[0] == forecast.number and value is not None and counts:
            held.setdefault(key[1], []).append(low <= value <= high)
    for ahead, low, high in zip(interval.ahead, interval.low, interval.high, strict=True) if interval else ():
        waiting[forecast.number + round(ahead / size), ahead / 60] = (low, high)
        held.setdefault(ahead / 60, [])


def _timely(moments: list[tuple[float, float, float]], crossed: list[float]) -> list[bool]:
    """Of each forecast that the limit will probably be crossed, whether that was within its interval.

    One without an end holds where the limit is crossed no sooner.
    """
    ends = np.array(crossed)
    found = []
    for at, earliest, latest in moments:
        later = ends[ends > at]
        came = float(later[0]) if len(later) else inf
        found.append(earliest <= came <= latest)
    return found
