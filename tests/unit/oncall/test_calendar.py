"""Who is on call by an iCalendar file: recurrences, what was moved or left out, zones, and whom an entry names."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.oncall.calendar import read_calendar

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
_ZONE = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""


def shifts(*events: str, zone: str = "UTC", days: float = 31) -> list[dict[str, Any]]:
    """Of the days from the first of March on; an event without a UID gets one."""
    named = (event if "UID:" in event else f"UID:{i}\n{event}" for i, event in enumerate(events))
    body = "".join(f"BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n{event}\nEND:VEVENT\n" for event in named)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\n{_ZONE}{body}END:VCALENDAR\n"
    return read_calendar(text.replace("\n", "\r\n").encode(), zone, MARCH, MARCH + timedelta(days=days))


def test_a_recurrence_without_end_is_read_as_far_as_it_is_asked_for() -> None:
    found = shifts("DTSTART:20240101T090000Z\nDTEND:20240108T090000Z\nRRULE:FREQ=WEEKLY\nSUMMARY:Ada")
    assert [one["begins"][:10] for one in found] == [
        "2026-02-23",
        "2026-03-02",
        "2026-03-09",
        "2026-03-16",
        "2026-03-23",
        "2026-03-30",
    ]
    assert found[0]["people"] == ["Ada"]


def test_a_shift_keeps_its_time_of_day_when_clocks_change() -> None:
    begins, ends = (
        f"{which};TZID=Europe/Berlin:20260101T{at}0000" for which, at in (("DTSTART", "09"), ("DTEND", "17"))
    )
    hours = {
        one["begins"][:10]: one["begins"][11:13] for one in shifts(f"{begins}\n{ends}\nRRULE:FREQ=DAILY\nSUMMARY:A")
    }
    assert (hours["2026-03-28"], hours["2026-03-29"]) == ("08", "07")


def test_what_was_left_out_moved_or_cancelled_is() -> None:
    times = "DTSTART:20260302T090000Z\nDTEND:20260302T170000Z"
    series = f"UID:s\n{times}\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE:20260303T090000Z\nSUMMARY:Ada"
    moved = "RECURRENCE-ID:20260304T090000Z\nDTSTART:20260304T120000Z\nDTEND:20260304T130000Z\nSUMMARY:Ben"
    found = shifts(series, f"UID:s\n{moved}", f"UID:c\nSTATUS:CANCELLED\n{times}\nSUMMARY:Chen")
    assert [(one["begins"][:13], one["people"]) for one in found] == [
        ("2026-03-02T09", ["Ada"]),
        ("2026-03-04T12", ["Ben"]),
        ("2026-03-05T09", ["Ada"]),
    ]


def test_days_and_moments_that_name_no_zone_are_of_the_schedules() -> None:
    [whole, floating] = shifts(
        "DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260303\nSUMMARY:Ada",
        "DTSTART:20260303T090000\nDTEND:20260303T100000\nSUMMARY:Ben",
        zone="Europe/Berlin",
    )
    assert whole["begins"] == "2026-03-01T23:00:00+00:00"
    assert floating["begins"] == "2026-03-03T08:00:00+00:00"


@pytest.mark.parametrize(
    ("named", "people"),
    [
        ("SUMMARY:On call: U012AB3CD", ["U012AB3CD"]),
        ("SUMMARY:Duty\nDESCRIPTION:@U012AB3CD and <@U0BYSTAND>", ["U012AB3CD", "U0BYSTAND"]),
        ("SUMMARY:Duty\nATTENDEE;CN=Ada:mailto:ada@shop.example", ["ada@shop.example"]),
        (
            "SUMMARY:Duty\nATTENDEE;PARTSTAT=DECLINED:mailto:ada@shop.example\nATTENDEE:MAILTO:ben@shop.example",
            ["ben@shop.example"],
        ),
        ("SUMMARY:ada@shop.example (primary)", ["ada@shop.example"]),
        ("SUMMARY:On Call - Ada Lovelace - Primary", ["On Call - Ada Lovelace - Primary"]),
        ("SUMMARY:WEEKEND DUTY", ["WEEKEND DUTY"]),
    ],
)
def test_an_entry_names_people_by_id_by_address_or_by_name(named: str, people: list[str]) -> None:
    [one] = shifts(f"DTSTART:20260302T090000Z\nDTEND:20260302T170000Z\n{named}")
    assert one["people"] == people


@pytest.mark.parametrize("content", [b"", b"<html>", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"\xff\xfe\x00"])
def test_what_is_no_calendar_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_calendar(content, "UTC", MARCH, MARCH + timedelta(days=1))


def test_more_shifts_than_anybody_can_have_are_an_error() -> None:
    event = "DTSTART:20260301T000000Z\nDTEND:20260301T000100Z\nRRULE:FREQ=MINUTELY\nSUMMARY:Ada"
    with pytest.raises(ValueError, match="more than 5000 shifts"):
        shifts(event, days=4)
