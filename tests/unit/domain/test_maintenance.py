"""Maintenance windows open and close when they should, in their own time zone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.maintenance import MaintenanceWindow
from bot.domain.window import DAYS


def window(**fields: object) -> MaintenanceWindow:
    return MaintenanceWindow.model_validate({"matchers": ["service=db"], "at": "22:30", "lasts": "3h", **fields})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "moment, is_open",
    [
        ("2026-03-06T22:29:59", False),
        ("2026-03-06T22:30:00", True),
        ("2026-03-07T01:29:59", True),
        ("2026-03-07T01:30:00", False),
        ("2026-03-07T22:31:00", False),
    ],
)
def test_a_window_on_fridays_is_open_past_midnight_and_not_on_saturdays(moment: str, is_open: bool) -> None:
    assert (window(days=["fri"]).silence_at("backup", at(moment)) is not None) == is_open


def test_the_hour_is_that_of_the_zone_on_both_sides_of_summer_time() -> None:
    berlin = window(at="02:30", lasts="1h", zone="Europe/Berlin")
    assert berlin.silence_at("x", at("2026-01-10T01:45:00")) is not None
    assert berlin.silence_at("x", at("2026-07-10T00:45:00")) is not None
    assert berlin.silence_at("x", at("2026-07-10T01:45:00")) is None


def test_each_opening_is_a_silence_of_its_own_that_covers_what_matches() -> None:
    first = window().silence_at("backup", at("2026-03-06T23:00:00"))
    second = window().silence_at("backup", at("2026-03-07T23:00:00"))
    assert first and second and first.id != second.id
    assert first.covers({"service": "db"}, at("2026-03-06T23:00:00"))
    assert not first.covers({"service": "web"}, at("2026-03-06T23:00:00"))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    st.integers(1, 7 * 24),
)
def test_a_window_that_is_open_holds_the_moment_and_lasts_as_long_as_it_says(
    moment: datetime, days: list[str], hours: int
) -> None:
    now = moment.replace(tzinfo=UTC)
    found = window(days=days, lasts=f"{hours}h").silence_at("w", now)
    if found:
        assert found.starts_at <= now < found.ends_at
        assert found.ends_at - found.starts_at == timedelta(hours=hours)
        assert DAYS[found.starts_at.weekday()] in days


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"lasts": "8d"}, "at most 7d"),
        ({"matchers": ["=x"]}, "no matcher"),
        ({"matchers": []}, "at least 1"),
        ({"days": ["someday"]}, "'mon'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        window(**fields)
