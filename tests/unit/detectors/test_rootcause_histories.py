"""Histories of services by minute, what is found in them, and how it is weighed beside what alerts say."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rootcause.combined import combine
from detectors.rootcause.finding import Finding
from detectors.rootcause.history import MINUTES, MOST_TRACKS, Amount, Family, History
from detectors.rootcause.measured import rank_measured
from detectors.rootcause.metrics import Series

P95 = Family("rpc p95", "latency", "p95", counter=False)
CALLS = Family("rpc mean", "latency", "mean", counter=True)
LATENCY = Series("cart", "latency", "p95")
GRAPH = {"web": ["api"], "api": ["db"]}
ALERT = 60 * 120.0


def measured(history: History, first: int, until: int, series: Series = LATENCY) -> list[float]:
    return [round(value, 3) for value in history.series(first, until)[series].tolist()]


def test_a_minute_holds_the_mean_of_its_samples_over_all_series() -> None:
    history = History("", "cart")
    for at, value in ((0.0, 1.0), (20.0, 3.0), (40.0, 5.0), (60.0, 7.0)):
        history.add(P95, at, 20.0, Amount(value, 1.0))
    assert measured(history, 0, 2) == [3.0, 7.0]


def test_counters_give_a_mean_by_request_and_how_many_failed() -> None:
    history = History("", "cart")
    history.add(CALLS, 30.0, 30.0, Amount(total=6.0))
    history.add(CALLS, 30.0, 30.0, Amount(number=27.0, failed=0.0))
    history.add(CALLS, 30.0, 30.0, Amount(number=3.0, failed=3.0))
    found = history.series(0, 1)
    assert {series[1:]: values.round(3).tolist() for series, values in found.items()} == {
        ("latency", "mean"): [0.2],
        ("availability", "requests"): [90.0],
        ("requests", "Sum"): [30.0],
    }


def test_what_was_counted_over_minutes_is_shared_among_them() -> None:
    history = History("", "cart")
    history.add(CALLS, 300.0, 180.0, Amount(number=30.0))
    assert history.series(2, 7)[Series("cart", "requests", "Sum")].tolist() == [0, 10, 10, 10, 0]


def test_a_counter_that_was_silent_for_long_says_nothing_of_when_it_counted() -> None:
    history = History("", "cart")
    history.add(CALLS, 7200.0, 3600.0, Amount(number=30.0))
    assert not history.series(0, 130)


@pytest.mark.parametrize("skew", [-120.0, -40.0, 40.0, 120.0])
def test_a_clock_that_is_off_is_set_right_by_when_samples_come(skew: float) -> None:
    history = History("", "cart")
    for minute in range(1, 30):
        history.observe(60.0 * minute + 31, 60.0 * minute + 30 + skew)
        history.add(P95, 60.0 * minute + 30 + skew, 60.0, Amount(float(minute), 1.0))
    assert measured(history, 14, 30) == [float(minute) for minute in range(14, 30)]


def test_a_past_that_is_sent_at_once_keeps_its_times() -> None:
    history = History("", "cart")
    for minute in range(10):
        history.observe(600.0 + minute, 60.0 * minute)
        history.add(P95, 60.0 * minute, 60.0, Amount(float(minute), 1.0))
    assert measured(history, 0, 10) == [float(minute) for minute in range(10)]


def test_samples_that_waited_for_an_hour_keep_their_times() -> None:
    history = History("", "cart")
    history.observe(7200.0, 3600.0)
    history.add(P95, 3600.0, 60.0, Amount(5.0, 1.0))
    assert measured(history, 60, 61) == [5.0]


@given(st.lists(st.tuples(st.integers(0, 100_000), st.floats(0, 1e6)), max_size=60))
def test_a_history_is_bounded_and_comes_back_as_it_was(samples: list[tuple[int, float]]) -> None:
    history = History("prod", "cart")
    for number, (at, value) in enumerate(samples):
        family = Family(f"rpc_{number}", "latency", "p95", counter=False)
        history.observe(at + 5.0, at)
        history.add(family, at, 60.0, Amount(value, 1.0))
        history.add(P95, at, 60.0, Amount(value, 1.0))
    state = history.state()
    assert len(state) < MOST_TRACKS * (2 * 4 * MINUTES + 100) + 100
    again = History.restore(state)
    assert again.state() == state
    latest = max((at for at, _ in samples), default=0) // 60
    before, after = history.series(0, latest + 1), again.series(0, latest + 1)
    assert before.keys() == after.keys()
    for series, values in before.items():
        np.testing.assert_array_equal(values, after[series])
        assert np.isfinite(values).sum() <= MINUTES + 1


def lived(
    levels: Mapping[str, tuple[float, float]], since: Mapping[str, int], minutes: int = 123
) -> dict[str, History]:
    """Services with a level before and after the minute ``since``, and a little noise."""
    noise = np.random.default_rng(1)
    histories = {}
    for service, (calm, unwell) in levels.items():
        histories[service] = history = History("", service)
        for minute in range(minutes):
            level = unwell if minute >= since[service] else calm
            history.add(P95, 60.0 * minute, 60.0, Amount(level * (1 + noise.normal() / 50), 1.0))
    return histories


SLOW = {"web": (0.3, 1.42), "api": (0.2, 1.32), "db": (0.08, 1.2)}


def test_the_first_evidence_says_from_what_to_what_and_when() -> None:
    histories = lived(SLOW, dict.fromkeys(SLOW, 118))
    [first, *_] = rank_measured(GRAPH, histories, "web", ALERT, ALERT + 120)
    assert first.service == "db" and first.score > 0.9
    assert first.evidence[0] == "p95 latency of db rose from 80 ms to 1.2 s at 01:58 UTC, 2 min before the first alert"


def test_of_a_young_service_the_same_is_said_however_long_the_incident_lasts() -> None:
    histories = lived(SLOW, dict.fromkeys(SLOW, 53), minutes=75)
    for minutes in (1, 5, 15, 20):
        assert rank_measured(GRAPH, histories, "web", 55 * 60.0, (55 + minutes) * 60.0)[0].service == "db"


def test_calm_services_have_no_cause() -> None:
    for seed in range(20):
        calm = {name: (level + seed / 100, level + seed / 100) for name, (level, _) in SLOW.items()}
        assert rank_measured(GRAPH, lived(calm, dict.fromkeys(SLOW, 0)), "web", ALERT, ALERT + 120) == []


def test_measures_that_disagree_make_none_likely() -> None:
    histories = lived(SLOW, dict.fromkeys(SLOW, 118))
    noise = np.random.default_rng(2)
    up = Family("up", "availability", "up", counter=False)
    for service, history in histories.items():
        for minute in range(123):
            down = service in ("web", "api") and minute >= 118
            history.add(up, 60.0 * minute, 60.0, Amount(0.4 if down else 1 - noise.random() / 1000, 1.0))
    found = rank_measured(GRAPH, histories, "web", ALERT, ALERT + 120)
    assert {one.service for one in found} >= {"api", "db"} and max(one.score for one in found) < 0.6


@given(st.integers(0, 3000), st.integers(-300, 3000))
def test_whenever_it_is_asked_it_answers(first_alert: int, later: int) -> None:
    histories = lived(SLOW, dict.fromkeys(SLOW, 30), minutes=40)
    rank_measured(GRAPH, histories, "web", first_alert, first_alert + later)


def alerts(score: float, service: str = "api") -> list[Finding]:
    return [Finding(service, "resource", score, ["HighCPU fires"])]


def metrics(score: float, service: str = "db") -> list[Finding]:
    return [Finding(service, "unknown", score, ["latency rose"])]


SEEN = {"web": True, "api": True, "db": False}


def test_two_that_agree_are_surer_and_both_are_heard() -> None:
    [found] = combine(alerts(0.7), metrics(0.8, "api"), SEEN, GRAPH)
    assert found.score > 0.8 and found.kind == "resource"
    assert found.evidence == ["latency rose", "HighCPU fires"]


def test_two_that_are_as_sure_of_different_services_leave_it_unclear() -> None:
    assert combine(alerts(0.95), metrics(1.0), SEEN, GRAPH) == []


def test_metrics_that_are_not_sure_name_nothing_by_themselves() -> None:
    assert combine([], metrics(0.4), SEEN, GRAPH) == []


def test_who_is_not_measured_is_blamed_with_who_calls_it() -> None:
    unseen = {"web": True, "api": True}
    assert combine(alerts(0.7, "db"), metrics(1.0, "api"), unseen, GRAPH)[0].service == "db"
    assert combine(alerts(0.7, "db"), metrics(1.0, "api"), {**unseen, "db": True}, GRAPH)[0].service == "api"


SERVICES = st.sampled_from(["web", "api", "db"])
SCORES = st.dictionaries(SERVICES, st.floats(0.05, 1.0), max_size=3)


@given(SCORES, SCORES, st.dictionaries(SERVICES, st.booleans()))
def test_scores_are_shares_and_the_likeliest_is_first(
    by_alerts: dict[str, float], by_metrics: dict[str, float], seen: dict[str, bool]
) -> None:
    whole = max(1.0, sum(by_alerts.values()))
    said = sorted((Finding(n, "unknown", s / whole, []) for n, s in by_alerts.items()), key=lambda one: -one.score)
    ranked = sorted((Finding(n, "unknown", s, []) for n, s in by_metrics.items()), key=lambda one: -one.score)
    found = combine(said, ranked, seen, GRAPH)
    if not ranked:
        assert found == said
        return
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1.02
    assert not found or found[0].score >= 0.5
