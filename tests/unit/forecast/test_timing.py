"""The interval of the moment at which a limit is crossed is as wide as past crossings ask for."""

from math import inf, isinf

import msgspec
import numpy as np

from bot.domain.watched.forecast import Forecasting
from bot.watches.forecast.course import Course
from detectors.arrays import packed
from detectors.forecast import Forecast
from detectors.forecast.alarm import Alarm
from detectors.forecast.crossing import Crossing
from detectors.forecast.timing import Timing

AHEAD = 7200.0


def _futures(random: np.random.Generator) -> np.ndarray:
    return np.sort(random.normal(3600, 600, 60))


def _said(timing: Timing, futures: np.ndarray) -> Crossing:
    early, late = timing.shares
    first, last = (futures[min(max(round(61 * part) - 1, 0), 59)] for part in (early, 1 - late))
    return Crossing(0.98, float(first), float(np.median(futures)), float(last))


def _held(never: float, sooner: float, claims: int = 4000) -> float:
    """How many claims held where crossings are ``sooner`` than the futures say, and some never come."""
    random, timing, held, at = np.random.default_rng(5), Timing(), 0, 0.0
    for _ in range(claims):
        shown = timing.look(at, False, _said(timing, _futures(random)))
        assert shown is not None
        came = inf if random.random() < never else max(random.normal(3600, 600) - sooner, 1.0)
        held += shown.earliest <= came <= shown.latest
        if isinf(came):
            at += 2 * AHEAD
        else:
            timing.look(at + came, True, None)
            at += came + 1.0
    return held / claims


def test_where_the_futures_are_right_the_interval_stays_as_they_say() -> None:
    assert 0.78 < _held(never=0.0, sooner=0.0) < 0.88


def test_where_crossings_never_come_or_come_sooner_the_interval_is_wider_until_it_holds() -> None:
    assert _held(never=0.0, sooner=900.0) > 0.75
    assert _held(never=0.3, sooner=0.0) > 0.75
    assert _held(never=0.9, sooner=0.0) > 0.75


def test_what_is_unlikely_and_what_has_no_end_is_no_claim_and_a_claim_is_judged_once() -> None:
    timing = Timing()
    timing.look(0.0, False, Crossing(0.4, 60.0, 90.0, 120.0))
    timing.look(0.0, False, Crossing(0.9, 60.0, 90.0, inf))
    timing.look(1e6, True, None)
    assert timing == Timing()
    timing.look(0.0, False, Crossing(0.9, 60.0, 90.0, 120.0))
    timing.look(30.0, True, None)
    timing.look(31.0, True, None)
    assert round(timing.early, 3) == 0.055 and timing.late == 0.1


def test_a_course_of_an_earlier_version_goes_on_and_one_that_was_wrong_says_that_it_may_take_longer() -> None:
    forecast = Forecast.over(AHEAD)
    for minute in range(1000):
        forecast.update(60.0 * minute, 2.0 * minute)
    old = msgspec.msgpack.encode([{"service": "checkout"}, forecast, Alarm(0.8, 0.4), None, 60_000.0], enc_hook=packed)
    course = Course.restore(old)
    ruled = Forecasting.model_validate({"limit": 2100.0})
    course.look(ruled, 2100.0)
    assert course.outlook is not None and not isinf(course.outlook.latest)
    course = Course.restore(course.state())
    for _ in range(4):
        course.timing.begins, course.timing.ends = 0.0, 1.0
        course.look(ruled, 2100.0)
    assert course.outlook is not None
    assert isinf(course.outlook.latest) and not isinf(course.outlook.median)
