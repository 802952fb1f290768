"""Days and weeks of a series are those of its place: over changes of clocks, and with holidays as Sundays."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from bot.domain.maintenance import MaintenanceWindow
from bot.domain.matcher import parse_matcher
from bot.domain.rules import Rules
from bot.domain.silence import Silence
from bot.domain.watched.calendar import Calendar
from bot.domain.watched.telemetry import LogRules, Watched
from bot.watches.quiet_times import QuietTimes
from detectors.anomaly import ALARM, Ensemble
from detectors.groups.member import Member

BERLIN = ZoneInfo("Europe/Berlin")
Load = Callable[[datetime], float]


def local(calendar: Calendar, moment: datetime) -> str:
    return f"{datetime.fromtimestamp(calendar.clock(moment.timestamp()), UTC):%a %H:%M}"


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "Sat 13:00"),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Sun 01:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Sun 03:00"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "Sun 02:30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Sun 02:30"),
        (datetime(2026, 12, 25, 12, tzinfo=UTC), "Sun 13:00"),
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), "Thu 23:59"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "Sun 00:00"),
    ],
)
def test_a_clock_is_the_local_one_and_a_holiday_is_a_sunday(moment: datetime, shown: str) -> None:
    assert local(Calendar("Europe/Berlin", "DE"), moment) == shown


def test_a_part_of_a_country_has_holidays_of_its_own_and_without_a_country_there_are_none() -> None:
    epiphany = datetime(2026, 1, 6, 12, tzinfo=UTC)
    shown = [local(Calendar("Europe/Berlin", country), epiphany) for country in ("DE-BY", "DE", "")]
    assert shown == ["Sun 13:00", "Tue 13:00", "Tue 13:00"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"country": "Germany"}, "write its two letters"),
        ({"country": "XX"}, "no public holidays are known of XX"),
        ({"country": "DE-QQ"}, "no public holidays are known of DE-QQ"),
        ({"zone": "Berlin"}, "Berlin"),
    ],
)
def test_what_is_no_place_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Watched.model_validate({"match": ["a=b"], **given})


def test_log_lines_have_no_profile_of_the_day() -> None:
    with pytest.raises(ValidationError, match=r"x\.zone is for metrics"):
        LogRules.model_validate({"watch": {"x": {"match": ["a=b"], "zone": "Europe/Berlin"}}})


def opening(moment: datetime) -> float:
    """A shop that is open from 8 to 20 on workdays by its own clock."""
    here = moment.astimezone(BERLIN)
    return 1000.0 if 8 <= here.hour < 20 and here.weekday() < 6 else 100.0


def alarms(load: Load, calendar: Calendar | None, first: datetime, days: int, from_: datetime) -> int:
    """How many samples alarm from a moment on, of a series of one sample in ten minutes."""
    ensemble, found, moment = Ensemble(), 0, first
    for step in range(days * 144):
        moment = first + timedelta(minutes=10 * step)
        at = moment.timestamp()
        value = load(moment) + 9 * math.sin(step * 1.7)
        score = ensemble.update(at, value, calendar.clock(at) if calendar else None)
        found += moment >= from_ and score >= ALARM
    return found


def test_a_change_of_clocks_is_no_change_of_the_season() -> None:
    begins, changes = datetime(2026, 2, 16, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)
    found = [alarms(opening, one, begins, 46, changes) for one in (Calendar("Europe/Berlin"), None)]
    assert found[0] == 0
    assert found[1] >= found[0]


def test_a_holiday_that_is_like_a_sunday_alarms_nobody() -> None:
    christmas = datetime(2026, 12, 25, tzinfo=BERLIN)

    def load(moment: datetime) -> float:
        here = moment.astimezone(BERLIN)
        return 100.0 if christmas <= here < christmas + timedelta(days=2) else opening(moment)

    begins = datetime(2026, 11, 9, tzinfo=UTC)
    with_holidays = alarms(load, Calendar("Europe/Berlin", "DE"), begins, 48, christmas - timedelta(hours=1))
    without = alarms(load, Calendar("Europe/Berlin"), begins, 48, christmas - timedelta(hours=1))
    assert with_holidays == 0 and with_holidays <= without


def test_what_is_broken_on_a_holiday_still_alarms() -> None:
    broken = datetime(2026, 12, 25, 12, tzinfo=UTC)

    def load(moment: datetime) -> float:
        return 5000.0 if broken <= moment < broken + timedelta(hours=2) else opening(moment)

    begins = datetime(2026, 11, 9, tzinfo=UTC)
    assert alarms(load, Calendar("Europe/Berlin", "DE"), begins, 48, broken) > 0


def silence(hours: float, *matchers: str) -> Silence:
    begins = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ends = begins + timedelta(hours=hours)
    parsed = [parse_matcher(one) for one in matchers]
    return Silence(id="1", matchers=parsed, starts_at=begins, ends_at=ends, created_by="U1")


@pytest.mark.parametrize(
    ("one", "covered"),
    [
        (silence(2, "service=cart"), True),
        (silence(2, "job=cart-exporter"), True),
        (silence(2, "service=mail"), False),
        (silence(48, "service=cart"), False),
        (silence(2, "service=cart", "alertname=MetricAnomaly"), False),
    ],
)  # fmt: skip
def test_nothing_is_learnt_while_a_short_silence_covers_all_of_a_service(one: Silence, covered: bool) -> None:
    quiet = QuietTimes([one], Rules())
    labels = {"__name__": "a", "service": "cart", "job": "cart-exporter"}
    inside = one.starts_at.timestamp() + 60
    assert quiet.covers("series", labels, inside) is covered
    assert not quiet.covers("series", labels, one.starts_at.timestamp() - 60)


def test_nothing_is_learnt_in_a_maintenance_window_and_it_ends_by_itself() -> None:
    window = MaintenanceWindow.model_validate({"matchers": ["service=cart"], "at": "02:00", "lasts": "1h"})
    quiet = QuietTimes((), Rules(maintenance={"nightly": window}))
    moments = [datetime(2026, 3, 1, hour, 30, tzinfo=UTC).timestamp() for hour in (1, 2, 3)]
    assert [quiet.covers("series", {"service": "cart"}, at) for at in moments] == [False, True, False]


def test_what_was_skipped_is_neither_learnt_nor_a_gap_nor_a_stay() -> None:
    member = Member.of({"__name__": "queue_length"}, counter=False)
    for at in range(1000):
        member.update(60.0 * at, at % 7)
    for at in range(1000, 1300):
        member.skip(60.0 * at)
    assert max(member.update(60.0 * at, at % 7) for at in range(1300, 1400)) < 1.0
    assert member.update(60.0 * 1400, 500.0) > 1.0, "500 was only there while nothing was learnt"


def test_a_counter_that_was_skipped_begins_anew() -> None:
    member = Member.of({"__name__": "requests_total"}, counter=True)
    for at in range(400):
        member.update(60.0 * at, 600.0 * at)
    for at in range(400, 500):
        member.skip(60.0 * at)
    assert max(member.update(60.0 * at, 9e9 + 600.0 * at) for at in range(500, 560)) == 0.0
