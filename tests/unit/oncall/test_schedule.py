"""Who is on call by a rotation: handovers at the same time of day, people in turn, overrides and what comes next."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.oncall.names import mapped
from bot.domain.oncall.schedule import Schedule, parse_handover, rotation_shifts
from bot.domain.oncall.shift import Override, Shift, people_at, turn_at

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=BERLIN)


def rotation(*people: str, **given: object) -> Schedule:
    return Schedule.model_validate({"rotation": list(people), "zone": "Europe/Berlin", "from": "2026-03-02", **given})


def on_call(schedule: Schedule, moment: datetime) -> tuple[str, ...]:
    assert schedule.rotation is not None
    return people_at(rotation_shifts(schedule, schedule.rotation, moment), [], moment)


def test_each_takes_over_at_the_handover_and_the_first_follows_the_last() -> None:
    weekly = rotation("U1", "U2", "U3")
    minute = timedelta(minutes=1)
    assert on_call(weekly, MONDAY) == ("U1",)
    assert on_call(weekly, MONDAY - minute) == ("U3",)
    assert on_call(weekly, MONDAY + timedelta(weeks=1) - minute) == ("U1",)
    assert on_call(weekly, MONDAY + timedelta(weeks=1)) == ("U2",)
    assert on_call(weekly, MONDAY + timedelta(weeks=3)) == ("U1",)


@pytest.mark.parametrize(("week", "hours"), [("2026-03-23", 167), ("2026-10-19", 169), ("2026-05-04", 168)])
def test_a_shift_across_a_change_of_clocks_ends_at_the_same_time_of_day(week: str, hours: int) -> None:
    begins = datetime.fromisoformat(f"{week}T09:00").replace(tzinfo=BERLIN)
    [shift, *_] = rotation_shifts(rotation("U1", "U2"), ["U1", "U2"], begins)
    assert shift.begins == begins
    assert shift.ends - shift.begins == timedelta(hours=hours)
    assert shift.ends.astimezone(BERLIN).hour == 9


def test_a_handover_in_the_hour_that_clocks_skip_is_at_the_moment_of_the_change() -> None:
    daily = rotation("U1", "U2", handover="02:30")
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert on_call(daily, change - timedelta(seconds=1)) != on_call(daily, change)


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    handover=st.sampled_from(["mon 09:00", "sun 02:30", "fri 23:59", "00:00", "daily 02:00"]),
    people=st.integers(1, 5),
)
def test_at_every_moment_exactly_one_is_on_call_and_shifts_have_no_gap(
    moment: datetime, zone: str, handover: str, people: int
) -> None:
    moment = moment.replace(tzinfo=UTC)
    names = [f"U{i}" for i in range(people)]
    schedule = Schedule(rotation=names, zone=zone, handover=handover)
    shifts = rotation_shifts(schedule, names, moment)
    assert shifts[0].holds(moment)
    assert all(before.ends == after.begins for before, after in itertools.pairwise(shifts))
    assert len(people_at(shifts, [], moment)) == 1
    longest = timedelta(days=parse_handover(handover).days, hours=1)
    assert all(timedelta(hours=22) <= shift.ends - shift.begins <= longest for shift in shifts)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1))
)
def test_who_is_on_call_does_not_depend_on_when_it_is_worked_out(one: datetime, other: datetime) -> None:
    schedule = rotation("U1", "U2", "U3")
    one, other = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)
    near = rotation_shifts(schedule, ["U1", "U2", "U3"], one)
    if near[0].begins <= other < near[-1].ends:
        assert people_at(near, [], other) == on_call(schedule, other)


def test_an_override_takes_over_and_gives_back_and_the_later_one_counts() -> None:
    shifts = rotation_shifts(rotation("U1", "U2"), ["U1", "U2"], MONDAY)
    first, second = (
        Override(id=i, schedule="s", person=who, begins=MONDAY, ends=MONDAY + timedelta(hours=4), made_by="U9")
        for i, who in ((1, "U7"), (2, "U8"))
    )
    assert turn_at(shifts, [first], MONDAY).people == ("U7",)
    turn = turn_at(shifts, [second, first], MONDAY + timedelta(hours=1))
    assert (turn.people, turn.until, turn.then) == (("U8",), MONDAY + timedelta(hours=4), ("U1",))
    assert people_at(shifts, [first], MONDAY + timedelta(hours=4)) == ("U1",)


def test_the_next_turn_is_that_of_somebody_else() -> None:
    hour = timedelta(hours=1)
    shifts = [Shift(MONDAY, MONDAY + hour, ("U1",)), Shift(MONDAY + hour, MONDAY + 2 * hour, ("U1",))]
    turn = turn_at(shifts, [], MONDAY)
    assert (turn.until, turn.then) == (MONDAY + 2 * hour, ())
    assert turn_at([], [], MONDAY).people == ()
    assert turn_at(shifts, [], MONDAY, known_until=MONDAY + 2 * hour).until is None


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({}, "write one of rotation, ical, pagerduty"),
        ({"rotation": ["U1"], "ical": "https://a.example/x.ics"}, "not rotation and ical"),
        ({"rotation": ["U1"], "handover": "monday 9am"}, "no handover"),
        ({"rotation": ["U1"], "handover": "mon 25:00"}, "no handover"),
        ({"rotation": ["U1"], "zone": "Europe/Nowhere"}, "no time zone"),
        ({"ical": "shop.ics"}, "write the address of a calendar"),
        ({"rotation": []}, "at least 1"),
    ],
)
def test_what_is_no_schedule_is_an_error_that_says_how_to_write_it(written: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Schedule.model_validate(written)


def test_names_in_schedules_are_ids_or_what_people_maps() -> None:
    people = {"Ada Lovelace": "U0ADA", "ben@shop.example": "U0BEN"}
    assert mapped("U012AB3CD", people) == ["U012AB3CD"]
    assert mapped("BEN@shop.example", people) == ["U0BEN"]
    assert mapped("On Call - Ada Lovelace - Primary", people) == ["U0ADA"]
    assert mapped("Adam Lovelaces", people) == []
