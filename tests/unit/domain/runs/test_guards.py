"""Guards: what forbids a run at a moment, until when, and what is compared with what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.guards.freeze import FreezeWindow, GuardRules
from bot.domain.guards.hold import BlastRadius, Glass, Guard, Hold, held_up_by, left_over
from bot.domain.guards.limits import HOUR, Limits, Usage, held_by_limits

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
FRIDAY: dict[str, Any] = {
    "name": "black friday",
    "from": "2026-11-27T00:00+01:00",
    "to": "2026-11-30T06:00+01:00",
    "match": ['team="shop"'],
    "break_glass": ["S0LEADS1"],
}
moments = st.datetimes(datetime(2026, 11, 25), datetime(2026, 12, 2)).map(lambda moment: moment.replace(tzinfo=UTC))


def friday(**fields: Any) -> FreezeWindow:
    return FreezeWindow.model_validate({**FRIDAY, **fields})


@given(moments)
def test_a_dated_window_forbids_from_its_beginning_to_before_its_end(moment: datetime) -> None:
    inside = datetime(2026, 11, 26, 23, tzinfo=UTC) <= moment < datetime(2026, 11, 30, 5, tzinfo=UTC)
    hold = friday().hold_at(moment, [{"team": "shop"}])
    assert (hold is not None) == inside
    assert hold is None or hold.until == datetime(2026, 11, 30, 5, tzinfo=UTC)


def test_a_window_of_every_night_follows_the_clock_of_its_zone() -> None:
    nights = FreezeWindow.model_validate({"name": "nights", "at": "22:00", "lasts": "9h", "zone": "Europe/Berlin"})
    assert nights.hold_at(datetime(2026, 7, 1, 20, 0, tzinfo=UTC), []) is not None  # 22:00 in summer
    assert nights.hold_at(datetime(2026, 12, 1, 20, 59, tzinfo=UTC), []) is None  # 21:59 in winter
    hold = nights.hold_at(datetime(2026, 12, 1, 21, 0, tzinfo=UTC), [])
    assert hold is not None and hold.until == datetime(2026, 12, 2, 6, 0, tzinfo=UTC)


def test_a_window_of_some_days_of_the_week_leaves_the_others_alone() -> None:
    weekend = FreezeWindow.model_validate({"name": "weekend", "at": "00:00", "lasts": "48h", "days": ["sat"]})
    assert weekend.hold_at(NOON, []) is not None  # a Saturday
    assert weekend.hold_at(NOON + timedelta(days=1), []) is not None
    assert weekend.hold_at(NOON + timedelta(days=2), []) is None


@pytest.mark.parametrize(
    "facts, held",
    [
        ([{"team": "shop"}], True),
        ([{"team": "search"}], False),
        ([{"team": "search"}, {"team": "shop"}], True),  # one that it matches is enough to forbid
        ([{}], False),
        ([], False),
    ],
)
def test_a_window_forbids_where_one_alert_or_target_matches_all_of_its_matchers(
    facts: list[dict[str, str]], held: bool
) -> None:
    assert (friday().hold_at(NOON, facts) is not None) == held


def test_matchers_of_one_window_must_hold_of_the_same_alert() -> None:
    both = friday(match=['team="shop"', 'severity=~"high|critical"'])
    apart = [{"team": "shop", "severity": "info"}, {"team": "search", "severity": "high"}]
    assert both.hold_at(NOON, apart) is None
    assert both.hold_at(NOON, [{"team": "shop", "severity": "high"}]) is not None


def test_a_hold_says_which_window_until_when_and_who_may_override_it() -> None:
    hold = friday().hold_at(NOON, [{"team": "shop"}])
    assert hold is not None
    words = "the freeze window “black friday” until 2026-11-30 05:00 UTC (@S0LEADS1 may break the glass)"
    assert held_up_by([hold]) == words
    nobody = friday(break_glass=[]).hold_at(NOON, [{"team": "shop"}])
    assert nobody is not None and nobody.in_words().endswith("(nobody may break the glass)")


def test_whoever_is_on_call_may_break_the_glass() -> None:
    hold = friday(break_glass=[{"schedule": "shop"}]).hold_at(NOON, [{"team": "shop"}])
    assert hold is not None
    assert hold.in_words().endswith("(whoever is on call in shop may break the glass)")


def test_broken_glass_lets_its_own_windows_pass_and_no_other_guard() -> None:
    holds = [Hold(Guard.FREEZE, "a", name="a"), Hold(Guard.FREEZE, "b", name="b"), Hold(Guard.COOLDOWN, "c")]
    broken = Glass("U1", "why", NOON, ["a"])
    assert [hold.why for hold in left_over(holds, broken.windows)] == ["b", "c"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"match": ["team"]},
        {"break_glass": ["leads"]},
        {"name": ""},
        {"running": "maybe"},
        {"to": "2026-11-26T00:00+01:00"},
        {"at": "22:00"},
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        friday(**wrong)


def test_two_windows_of_one_name_are_refused_as_the_glass_of_which_is_broken_must_be_clear() -> None:
    with pytest.raises(ValidationError, match="two freeze windows are named 'black friday'"):
        GuardRules.model_validate({"freeze": [FRIDAY, FRIDAY]})


@given(st.integers(1, 5000), st.integers(0, 10_000))
def test_a_cool_down_ends_exactly_so_long_after_the_last_run(cooldown: int, since: int) -> None:
    limits = Limits(cooldown=timedelta(seconds=cooldown))
    end = NOON - timedelta(seconds=since)
    holds = held_by_limits(limits, Usage(last_end=end), NOON)
    assert bool(holds) == (since < cooldown)
    assert not holds or holds[0].until == end + timedelta(seconds=cooldown)


@given(st.integers(1, 5), st.lists(st.integers(0, 7000), max_size=12))
def test_runs_of_an_hour_are_counted_and_the_next_may_start_once_enough_are_older(most: int, ago: list[int]) -> None:
    starts = sorted(NOON - timedelta(seconds=one) for one in ago)
    holds = held_by_limits(Limits(per_hour=most), Usage(starts=starts), NOON)
    assert bool(holds) == (sum(one < 3600 for one in ago) >= most)
    if holds:
        until = holds[0].until
        assert until is not None and until > NOON
        assert not held_by_limits(Limits(per_hour=most), Usage(starts=starts), until)
        assert held_by_limits(Limits(per_hour=most), Usage(starts=starts), until - timedelta(seconds=1))


@pytest.mark.parametrize("opened, held", [(5, False), (6, True)])
def test_too_many_open_incidents_forbid_it(opened: int, held: bool) -> None:
    holds = held_by_limits(Limits(most_open_incidents=5), Usage(open_incidents=opened), NOON)
    assert [hold.guard for hold in holds] == [Guard.OPEN_INCIDENTS] * held


@pytest.mark.parametrize("dependants, held", [(0, False), (1, True)])
def test_what_nothing_may_depend_on_is_forbidden_with_the_first_dependant(dependants: int, held: bool) -> None:
    holds = held_by_limits(Limits(most_dependants=0), Usage(dependants=dependants), NOON)
    assert [hold.guard for hold in holds] == [Guard.BLAST_RADIUS] * held


def test_without_limits_nothing_is_forbidden() -> None:
    assert held_by_limits(Limits(), Usage(NOON, [NOON] * 99, 99, 99), NOON + HOUR / 2) == []


@pytest.mark.parametrize(
    "reach, words",
    [
        (BlastRadius(0), "no service is known to depend on this"),
        (BlastRadius(1, 0, ["web"]), "1 service depends on this: web"),
        (BlastRadius(1, 1, ["web"]), "1 service depends on this, 1 of them critical: web"),
        (
            BlastRadius(12, 3, ["cart", "pay", "web", "a", "b"]),
            "12 services depend on this, 3 of them critical: cart, pay, web, a, b and 7 more",
        ),
    ],
)
def test_a_blast_radius_counts_what_depends_and_names_the_critical_first(reach: BlastRadius, words: str) -> None:
    assert reach.in_words() == words
