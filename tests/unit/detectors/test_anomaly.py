"""Anomalies in one series: what must be found, what must not, and what must be withstood."""

import math
from array import array
from collections.abc import Callable, Iterator
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.anomaly import ALARM, Ensemble

MINUTES = 5
DAY = 24 * 60 // MINUTES
STATE_BYTES = 4096

Shape = Callable[[int, Random], float]


def noise(at: int, random: Random) -> float:
    return 50 + random.gauss(0, 1)


def daily(at: int, random: Random) -> float:
    return 50 + 40 * math.sin(2 * math.pi * at / DAY) + random.gauss(0, 1)


def office_hours(at: int, random: Random) -> float:
    return (80 if 9 <= at % DAY * 24 / DAY < 17 else 20) + random.gauss(0, 1)


def walk(start: float = 0.0) -> Shape:
    def step(at: int, random: Random) -> float:
        nonlocal start
        start = 0.95 * start + random.gauss(0, 1)
        return start

    return step


def play(ensemble: Ensemble, values: Iterator[float], begin: int = 0) -> list[float]:
    return [ensemble.update(60 * MINUTES * (begin + at), value) for at, value in enumerate(values)]


def learnt(shape: Shape, samples: int = 7 * DAY, seed: int = 1) -> tuple[Ensemble, Random]:
    ensemble, random = Ensemble(), Random(seed)
    play(ensemble, (shape(at, random) for at in range(samples)))
    return ensemble, random


ANOMALIES: dict[str, tuple[Shape, Shape]] = {
    "a spike": (noise, lambda at, random: 80.0 if at == 20 else noise(at, random)),
    "a drop": (noise, lambda at, random: 5.0 if at == 20 else noise(at, random)),
    "a level shift": (noise, lambda at, random: noise(at, random) + 15),
    "a slow drift": (noise, lambda at, random: noise(at, random) + at / 10),
    "a variance that grows": (noise, lambda at, random: 50 + random.gauss(0, 10)),
    "a spike over a season": (daily, lambda at, random: 150.0 if at == 20 else daily(at, random)),
    "a daily peak that does not come": (office_hours, lambda at, random: 20 + random.gauss(0, 1)),
    "a daily peak at night": (office_hours, lambda at, random: office_hours(at + DAY // 2, random)),
    "a flat line": (daily, lambda at, random: 50.0),
    "a jump within the range": (daily, lambda at, random: daily(at, random) - 35 * (at == 70)),
    "noon at a lower level": (daily, lambda at, random: daily(at, random) - 12),
    "a spike where there was nothing": (lambda at, random: 0.0, lambda at, random: float(at == 20)),
}


@pytest.mark.parametrize("kind", ANOMALIES)
def test_an_anomaly_of_this_kind_alarms_within_a_day(kind: str) -> None:
    usual, anomalous = ANOMALIES[kind]
    ensemble, random = learnt(usual)
    assert max(play(ensemble, (anomalous(at, random) for at in range(DAY)), begin=7 * DAY)) >= ALARM


STATIONARY: dict[str, Callable[[], Shape]] = {
    "gaussian": lambda: noise,
    "uniform": lambda: lambda at, random: random.random(),
    "skewed": lambda: lambda at, random: random.lognormvariate(0, 1),
    "heavy-tailed": lambda: lambda at, random: random.paretovariate(2),
    "rare events": lambda: lambda at, random: float(random.random() < 0.05),
    "counts": lambda: lambda at, random: float(sum(random.random() < 0.03 for _ in range(100))),
    "correlated": walk,
    "daily": lambda: daily,
    "office hours": lambda: office_hours,
    "constant": lambda: lambda at, random: 7.0,
}


@pytest.mark.montecarlo
@pytest.mark.parametrize("kind", STATIONARY)
def test_after_two_weeks_a_series_of_any_distribution_alarms_falsely_at_most_once_a_week(kind: str) -> None:
    weeks, series = 3, 4
    alarms = 0
    for seed in range(series):
        shape = STATIONARY[kind]()
        ensemble, random = learnt(shape, samples=14 * DAY, seed=seed)
        values = (shape(at, random) for at in range(7 * DAY * weeks))
        alarms += sum(score >= ALARM for score in play(ensemble, values, begin=14 * DAY))
    assert alarms <= weeks * series


def test_samples_that_stay_away_alarm_when_they_come_again() -> None:
    ensemble, random = learnt(noise)
    assert ensemble.update(60 * MINUTES * 8 * DAY, noise(0, random)) >= ALARM


def test_irregular_samples_are_no_gap() -> None:
    ensemble, random = Ensemble(), Random(1)
    at = 0.0
    scores = []
    for _ in range(7 * DAY):
        at += random.expovariate(1 / 60)
        scores.append(ensemble.update(at, 1.0))
    assert max(scores[DAY:]) < ALARM


def test_one_event_alarms_once() -> None:
    ensemble, random = learnt(noise)
    scores = play(ensemble, (noise(at, random) + 15 for at in range(30)), begin=7 * DAY)
    assert sum(score >= ALARM for score in scores) == 1


def test_what_repeats_alarms_no_more() -> None:
    ensemble, random = learnt(noise)
    values = (90.0 if at % DAY == 20 else noise(at, random) for at in range(10 * DAY))
    scores = play(ensemble, values, begin=7 * DAY)
    assert max(scores[:DAY]) >= ALARM
    assert max(scores[2 * DAY :]) < ALARM


def test_a_counter_is_watched_by_its_rate_and_may_reset() -> None:
    ensemble, random = Ensemble.of_counter(), Random(1)
    total, scores = 0.0, []
    for at in range(7 * DAY):
        total = 0.0 if at % 500 == 499 else total + random.uniform(290, 310)
        scores.append(ensemble.update(60 * MINUTES * at, total))
    assert max(scores[600:]) < ALARM
    assert ensemble.update(60 * MINUTES * 7 * DAY, total + 900) >= ALARM


def test_the_expected_range_holds_the_usual_values_and_not_the_anomaly() -> None:
    ensemble, _ = learnt(noise)
    play(ensemble, iter([90.0]), begin=7 * DAY)
    low, high = ensemble.expected()
    assert 45 < low < 50 < high < 55


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_no_number_and_what_is_late_changes_nothing(value: float, broken: float) -> None:
    ensemble, _ = learnt(noise, samples=50)
    before = ensemble.state()
    scores = [ensemble.update(60.0 * MINUTES * 49, value), ensemble.update(0.0, value), ensemble.update(1e6, broken)]
    scores.append(ensemble.update(broken, 1.0))
    assert (scores, ensemble.state()) == ([0.0] * 4, before)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300),
    st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=300, max_size=300),
)
def test_scores_lie_between_0_and_1_and_the_state_restored_anywhere_goes_on_the_same(
    values: list[float], intervals: list[float]
) -> None:
    whole, resumed = Ensemble(), Ensemble()
    at = 0.0
    for value, interval in zip(values, intervals, strict=False):
        at += interval
        resumed = Ensemble.restore(resumed.state())
        score = whole.update(at, value)
        assert 0 <= score <= 1
        assert resumed.update(at, value) == score
    assert resumed.state() == whole.state()


@given(st.integers(-20, 20), st.integers(0, 5))
def test_the_unit_of_a_series_does_not_matter(power: int, seed: int) -> None:
    one, other = Random(seed), Random(seed)
    scores = play(Ensemble(), (one.lognormvariate(0, 1) for _ in range(300)))
    assert scores == play(Ensemble(), (other.lognormvariate(0, 1) * 2.0**power for _ in range(300)))


@pytest.mark.parametrize("grow", [1.0, 1.001], ids=["noise", "noise that grows for ever"])
def test_the_state_stays_bounded_however_long_the_series(grow: float) -> None:
    ensemble, random = Ensemble(), Random(1)
    at, scale = 1e9, 1.0
    for _ in range(50_000):
        at += random.lognormvariate(4, 2)
        scale *= grow
        ensemble.update(at, random.gauss(0, scale))
    assert len(ensemble.state()) <= STATE_BYTES


def test_a_glitch_does_not_blind_for_ever() -> None:
    ensemble, random = learnt(noise)
    play(ensemble, iter([1e9]), begin=7 * DAY)
    play(ensemble, (noise(at, random) for at in range(45_000)), begin=7 * DAY + 1)
    assert ensemble.update(60 * MINUTES * 50_000, 80.0) >= ALARM


def weekly(at: int, random: Random) -> float:
    return (20 if at // DAY % 7 < 2 else 80) + 10 * math.sin(2 * math.pi * at / DAY) + random.gauss(0, 1)


def test_a_weekday_like_a_sunday_alarms_and_sundays_do_not() -> None:
    ensemble, random = learnt(weekly, samples=35 * DAY)
    assert max(play(ensemble, (weekly(at, random) for at in range(2 * DAY)), begin=35 * DAY)) < ALARM
    assert max(play(ensemble, (weekly(at, random) for at in range(DAY)), begin=37 * DAY)) >= ALARM


def test_a_glitch_does_not_come_back_each_day() -> None:
    ensemble, random = learnt(daily, samples=14 * DAY)
    play(ensemble, iter([1e6]), begin=14 * DAY)
    scores = play(ensemble, (daily(at, random) for at in range(1, 14 * DAY)), begin=14 * DAY)
    assert sum(score >= ALARM for score in scores[DAY // 2 :]) <= 1


def test_an_event_that_becomes_far_worse_alarms_again() -> None:
    ensemble, random = learnt(noise)
    begun = play(ensemble, (noise(at, random) + 5 for at in range(20)), begin=7 * DAY)
    worse = play(ensemble, (noise(at, random) + 2000 for at in range(5)), begin=7 * DAY + 20)
    assert max(begun) >= ALARM and max(worse) >= ALARM


@pytest.mark.parametrize("shape", [noise, daily, office_hours], ids=["noise", "daily", "office hours"])
def test_what_the_version_before_learnt_is_kept(shape: Shape) -> None:
    ensemble, random = learnt(shape)
    resumed = Ensemble.restore(as_written_before(ensemble.state()))
    usual = play(resumed, (shape(at, random) for at in range(3 * DAY)), begin=7 * DAY)
    assert max(usual) < ALARM
    assert resumed.update(60 * MINUTES * 10 * DAY, 500.0) >= ALARM


def as_written_before(state: bytes) -> bytes:
    """Without weeks, deviations and steps, with tolerances, and with peaks in double precision."""
    intake, *novelties, season, stuck, gaps, peaks, _ = msgspec.msgpack.decode(state)
    for novelty in novelties:
        reach, low, high = novelty[1], novelty[4], novelty[5]
        novelty[6] = [reach * (most - least) for least, most in zip(low, high, strict=True)]
    rest = [[10.0], 0.15, 1, [0.0], [0.0], [0.0], [0.0], array("f", [0.0]).tobytes(), 1]
    count, earlier, *others = peaks[:5]
    peaks = [count, array("f", earlier).tolist(), *others]
    return msgspec.msgpack.encode([intake, *novelties, [rest, season[1]], stuck, gaps, peaks])
