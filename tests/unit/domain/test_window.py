"""Windows of time open when they should and last as long as they say, whatever the clocks of their zone do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.window import TimeWindow

BERLIN = "Europe/Berlin"


def window(**fields: object) -> TimeWindow:
    return TimeWindow.model_validate(fields)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes_open(one: TimeWindow, first: datetime, days: int) -> int:
    moments = (first + timedelta(minutes=n) for n in range(days * 24 * 60))
    return sum(one.open_at(moment) is not None for moment in moments)


def test_an_hour_that_clocks_skip_opens_the_window_at_the_change_for_its_whole_length() -> None:
    skipped = window(at="02:00", lasts="1h", zone=BERLIN)
    assert minutes_open(skipped, at("2026-03-28T12:00:00"), days=1) == 60
    assert skipped.open_at(at("2026-03-29T01:00:00"))
    assert not skipped.open_at(at("2026-03-29T00:59:00"))
    assert window(at="02:30", lasts="1h", zone=BERLIN).open_at(at("2026-03-29T01:15:00"))


def test_an_hour_that_comes_twice_opens_the_window_once() -> None:
    twice = window(at="02:30", lasts="1h", zone=BERLIN)
    assert minutes_open(twice, at("2026-10-24T12:00:00"), days=1) == 60
    assert twice.open_at(at("2026-10-25T00:30:00"))
    assert not twice.open_at(at("2026-10-25T01:45:00"))


@given(
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    st.integers(0, 23),
    st.sampled_from([0, 15, 30]),
    st.integers(1, 20),
    st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]),
)
def test_every_day_has_one_opening_of_the_whole_length(
    zone: str, hour: int, minute: int, hours: int, around: str
) -> None:
    daily = window(at=f"{hour:02}:{minute:02}", lasts=f"{hours}h", zone=zone)
    moment, begun = datetime.fromisoformat(around).replace(tzinfo=ZoneInfo(zone)) - timedelta(days=1), []
    moment = moment.astimezone(UTC)
    for _ in range(3):
        span = daily.next_opening(moment)
        assert span and span.ends - span.begins == timedelta(hours=hours)
        assert daily.open_at(span.begins) == span or daily.open_at(span.begins) in begun
        begun.append(span)
        moment = span.begins
    assert len({span.begins.astimezone(ZoneInfo(zone)).date() for span in begun}) == 3


def test_a_window_of_one_time_opens_from_its_beginning_to_its_end() -> None:
    once = window(**{"from": "2026-11-27T00:00+01:00", "to": "2026-11-30T06:00+01:00"})
    assert not once.open_at(at("2026-11-26T22:59:00"))
    assert once.open_at(at("2026-11-26T23:00:00"))
    assert once.open_at(at("2026-11-30T04:59:00"))
    assert not once.open_at(at("2026-11-30T05:00:00"))


def test_days_of_the_month_are_counted_from_either_end() -> None:
    ends = window(at="20:00", lasts="2h", month_days=[1, -1])
    assert [day for day in range(1, 29) if ends.open_at(at(f"2026-02-{day:02}T21:00:00"))] == [1, 28]


def test_dates_are_single_days() -> None:
    days = window(at="20:00", lasts="2h", dates=["2026-12-24", "2026-12-31"])
    assert days.open_at(at("2026-12-24T20:30:00"))
    assert not days.open_at(at("2026-12-25T20:30:00"))


def test_the_first_monday_of_a_month_is_a_monday_among_its_first_seven_days() -> None:
    first = window(at="06:00", lasts="1h", days=["mon"], month_days=[1, 2, 3, 4, 5, 6, 7])
    assert [d for d in range(1, 32) if first.open_at(at(f"2026-03-{d:02}T06:30:00"))] == [2]


@pytest.mark.parametrize(
    "fields, said",
    [
        ({}, "at and lasts"),
        ({"at": "22:00"}, "at and lasts"),
        ({"from": "2026-01-01T00:00Z"}, "from and to"),
        ({"from": "2026-01-02T00:00Z", "to": "2026-01-01T00:00Z"}, "the earlier one first"),
        ({"from": "2026-01-01T00:00", "to": "2026-01-02T00:00Z"}, "timezone"),
        ({"from": "2026-01-01T00:00Z", "to": "2026-01-02T00:00Z", "at": "1:00"}, "valid time|either"),
        ({"at": "22:00", "lasts": "1h", "month_days": [0]}, "counted from 1"),
    ],
)
def test_what_is_no_window_is_refused_in_words(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        window(**fields)
