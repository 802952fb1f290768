"""Forecasts: their intervals hold, limits are seen coming, and the state is small and goes on after a restart."""

from math import inf, isinf, nan

import numpy as np
import pytest

from detectors.forecast import Forecast
from detectors.forecast.alarm import Alarm

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
BYTES = 8_000


def learnt(values: np.ndarray, every: float = 300.0, horizon: float = 7200.0) -> Forecast:
    forecast = Forecast.over(horizon)
    for row, value in enumerate(values):
        forecast.update(every * row, value)
    return forecast


def held(values: np.ndarray, every: float = 300.0) -> dict[float, float]:
    """The share of values within the interval that was given for them, by seconds ahead."""
    forecast = Forecast.over(7200.0)
    waiting: dict[tuple[int, float], tuple[float, float]] = {}
    found: dict[float, list[bool]] = {}
    for row, value in enumerate(values):
        if not forecast.update(every * row, value):
            continue
        mine = [key for key in waiting if key[0] == forecast.number]
        for key in mine:
            low, high = waiting.pop(key)
            found.setdefault(key[1], []).append(low <= (forecast.latest() or 0.0) <= high)
        interval = forecast.interval()
        for ahead, low, high in zip(interval.ahead, interval.low, interval.high, strict=True) if interval else ():
            waiting[forecast.number + round(ahead / forecast.steps.size), ahead] = (low, high)
    return {ahead: float(np.mean(one)) for ahead, one in found.items()}


def walk(seed: int, rows: int = 1200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0, 1, rows)) + rng.normal(0, 3, rows)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(1).normal(100, 10, 1200), id="noise"),
        pytest.param(walk(2), id="a walk"),
        pytest.param(np.random.default_rng(3).lognormal(1, 1, 1200), id="heavy tails"),
        pytest.param(100 * np.sin(np.arange(1200) / 45) + walk(4), id="a season of its own"),
        pytest.param(np.where(np.arange(1200) // 300 % 2, 500.0, 0.0) + walk(5), id="steps"),
    ],
)
def test_eight_in_ten_values_are_within_their_interval_at_each_horizon(values: np.ndarray) -> None:
    found = held(values)
    assert len(found) == 8
    assert all(0.75 <= share <= 0.85 for share in found.values()), found


def test_a_leak_is_seen_well_before_its_limit_and_within_the_interval_of_its_moment() -> None:
    rng = np.random.default_rng(7)
    values = np.concatenate([np.full(300, 200.0), 200.0 + 10.0 * np.arange(60)]) + rng.normal(0, 5, 360)
    found = learnt(values).crossing(900.0)
    assert found is not None and found.probability > 0.8
    crosses = 300.0 * 10
    assert found.earliest - 600 <= crosses <= found.latest + 600
    assert found.earliest <= found.median <= found.latest


def test_what_falls_crosses_a_limit_below_at_the_same_time() -> None:
    values = np.concatenate([np.full(300, 200.0), 200.0 + 10.0 * np.arange(60)])
    values = values + np.random.default_rng(7).normal(0, 5, 360)
    above, below = learnt(values).crossing(900.0), learnt(-values).crossing(-900.0, below=True)
    assert above == pytest.approx(below)


def test_noise_that_comes_near_its_limit_is_not_said_to_cross_it() -> None:
    values = np.random.default_rng(8).normal(700, 40, 1200)
    forecast, alarm, alarms = Forecast.over(7200.0), Alarm(), 0
    for row, value in enumerate(values):
        if forecast.update(300.0 * row, value):
            found = forecast.crossing(1000.0)
            before = alarm.fires
            alarms += alarm.look(found.probability if found else 0.0) and not before
    assert alarms == 0


def test_a_season_that_comes_near_its_limit_each_day_is_expected_to_turn() -> None:
    at = np.arange(8 * 288)
    wave = 600 + 300 * np.sin(2 * np.pi * at / 288) + np.random.default_rng(9).normal(0, 8, len(at))
    forecast, most = Forecast.over(7200.0), 0.0
    for row, value in enumerate(wave):
        if forecast.update(300.0 * row, value) and row > 5 * 288:
            found = forecast.crossing(960.0)
            most = max(most, found.probability if found else 0.0)
    assert most < 0.5  # a line through its steepest hours crosses it each day


def test_nothing_is_said_before_enough_was_learnt() -> None:
    forecast = learnt(np.arange(40.0))
    assert forecast.crossing(50.0) is None and forecast.interval() is None


def test_what_is_beyond_has_crossed() -> None:
    found = learnt(np.full(200, 10.0)).crossing(5.0)
    assert found is not None and found[1:] == (0.0, 0.0, 0.0)


def test_a_flat_line_never_crosses() -> None:
    found = learnt(np.full(500, 10.0)).crossing(10.5)
    assert found is not None and found.probability < 0.05 and isinf(found.median)


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped_and_stays_small() -> None:
    values = walk(11, 900)
    whole, resumed = Forecast.over(7200.0), Forecast.over(7200.0)
    for row, value in enumerate(values):
        whole.update(300.0 * row, value)
        resumed.update(300.0 * row, value)
        if row % 97 == 0:
            state = resumed.state()
            assert len(state) < BYTES
            resumed = Forecast.restore(state)
    assert resumed.state() == whole.state()
    assert resumed.crossing(30.0) == whole.crossing(30.0)


def test_what_is_no_sample_changes_nothing() -> None:
    forecast = learnt(walk(12, 300))
    before = forecast.state()
    for at, value in ((1e9, nan), (1e9, inf), (nan, 1.0), (0.0, 5.0), (299 * 300.0, 7.0)):
        assert not forecast.update(at, value)
    assert forecast.state() == before


def test_short_gaps_are_bridged_and_after_long_ones_it_is_learnt_again_while_the_season_stays() -> None:
    forecast = learnt(walk(13, 600))
    forecast.update(300.0 * 605, 10.0)
    forecast.update(300.0 * 606, 10.0)
    assert forecast.interval() is not None
    forecast.update(300.0 * 900, 10.0)
    forecast.update(300.0 * 901, 10.0)
    assert forecast.interval() is None
    for row in range(902, 980):
        forecast.update(300.0 * row, 10.0)
    assert forecast.interval() is not None


def test_a_counter_is_forecast_by_its_rate_and_a_reset_is_no_fall() -> None:
    forecast = Forecast.over(7200.0, counter=True)
    total = 0.0
    for minute in range(900):
        total = 0.0 if minute == 500 else total + 60.0 * (5.0 + max(minute - 600, 0) * 0.05)
        forecast.update(MINUTE * minute, total)
    assert forecast.latest() == pytest.approx(20.0, abs=0.5)
    found = forecast.crossing(22.0)
    assert found is not None and found.probability > 0.8 and 20 < found.median / MINUTE < 60


@pytest.mark.parametrize("scale", [1e-9, 1e15])
def test_the_unit_makes_no_difference(scale: float) -> None:
    values = walk(14, 500)
    own, other = learnt(values).crossing(40.0), learnt(scale * values).crossing(scale * 40.0)
    assert own is not None and other is not None
    assert other.probability == pytest.approx(own.probability, abs=0.05)


@pytest.mark.parametrize(("horizon", "every"), [(10 * MINUTE, 15.0), (DAY, 300.0), (7 * DAY, HOUR)])
def test_any_horizon_has_its_own_steps(horizon: float, every: float) -> None:
    rows = int(5 * horizon / every)
    forecast = learnt(np.arange(rows) * 1.0, every, horizon)
    found = forecast.crossing(rows + 0.5 * horizon / every)
    assert found is not None and found.probability > 0.9
    assert found.median == pytest.approx(horizon / 2, rel=0.15)
    assert len(forecast.state()) < BYTES
