"""Quiet hours by the wall clock of a zone, and for what is not severe only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.routing.decision import Facts
from bot.domain.routing.quiet import QuietHours, quiet_until
from bot.domain.routing.route import Route
from bot.domain.severity import Severity
from bot.routing.compiled import Routes

NIGHT = {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"}


def _hours(**more: Any) -> QuietHours:
    return QuietHours.model_validate(NIGHT | more)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-14T21:59:59+01:00", None),
        ("2026-01-14T22:00:00+01:00", "2026-01-15T07:00:00+01:00"),
        ("2026-01-15T06:59:59+01:00", "2026-01-15T07:00:00+01:00"),
        ("2026-01-15T07:00:00+01:00", None),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T07:00:00+01:00"),
    ],
)
def test_they_end_at_the_time_of_day_that_is_written_also_when_clocks_change(now: str, until: str | None) -> None:
    assert _hours().until(Severity.WARNING, _at(now)) == (_at(until) if until else None)


def test_by_day_and_on_some_days_only() -> None:
    weekend = _hours(**{"from": "08:00", "to": "20:00", "days": ["sat", "sun"], "zone": "UTC"})
    assert weekend.until(Severity.INFO, _at("2026-01-17T12:00:00Z")) == _at("2026-01-17T20:00:00Z")
    assert weekend.until(Severity.INFO, _at("2026-01-16T12:00:00Z")) is None
    friday_night = _hours(days=["fri"], zone="UTC")
    assert friday_night.until(Severity.INFO, _at("2026-01-17T03:00:00Z")) is not None
    assert friday_night.until(Severity.INFO, _at("2026-01-18T03:00:00Z")) is None


def test_what_is_more_severe_is_not_quiet() -> None:
    now = _at("2026-01-15T03:00:00+01:00")
    assert [_hours().until(one, now) is not None for one in Severity] == [False, False, True, True]
    assert [_hours(severity_at_most="high").until(one, now) is not None for one in Severity] == [
        False,
        True,
        True,
        True,
    ]


def test_of_several_all_must_hold_and_the_first_to_end_counts() -> None:
    now = _at("2026-01-15T03:00:00+01:00")
    early, day = _hours(to="05:00"), _hours(**{"from": "08:00", "to": "20:00"})
    assert quiet_until([_hours(), early], Severity.INFO, now) == now + timedelta(hours=2)
    assert quiet_until([_hours(), day], Severity.INFO, now) is None
    assert quiet_until([], Severity.INFO, now) is None


@pytest.mark.parametrize(
    "wrong", [{"from": 1320}, {"to": "22:00"}, {"zone": "Mars/Olympus"}, {"severity_at_most": "loud"}, {"days": []}]
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _hours(**wrong)


def test_where_one_of_several_routes_to_a_channel_is_not_quiet_the_channel_is_not() -> None:
    quiet: dict[str, Any] = {"channel": "#shop", "quiet": NIGHT, "continue": True}
    loud = {"channel": "#shop", "match": ["severity=critical"]}
    routes = Routes([Route.model_validate(one) for one in (quiet, loud)], "#incidents")
    assert len(routes.decide(Facts(severity=Severity.WARNING)).targets[0].quiet) == 1
    assert routes.decide(Facts(severity=Severity.CRITICAL)).targets[0].quiet == ()
