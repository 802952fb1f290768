"""Reads an iCalendar file: who is on call from when to when. What is in it comes from outside, and may be anything.

https://www.rfc-editor.org/rfc/rfc5545
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

MOST_SHIFTS = 5000
_LONGEST_NAME = 200
_ID = re.compile(r"(?<![A-Za-z0-9])@?([UW](?=[A-Z]*[0-9])[A-Z0-9]{6,30})(?![A-Za-z0-9])|<@([UW][A-Z0-9]{1,30})[|>]")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_NOT_THERE = ("DECLINED",)


def read_calendar(content: bytes, zone: str, begins: datetime, ends: datetime) -> list[dict[str, Any]]:
    """The shifts within a span of time, as ``begins``, ``ends`` and the ``people`` that each names. Raises ValueError.

    ``zone`` is that of moments and days which name none. Recurrences, their exceptions and what was moved are the
    library's part. A shift that names nobody, or is cancelled, is none.
    """
    import icalendar  # noqa: PLC0415 - only the process that reads a calendar needs it
    import recurring_ical_events  # noqa: PLC0415

    calendars = icalendar.Calendar.from_ical(content, multiple=True)
    if not calendars:
        raise ValueError("it is no iCalendar file")
    found: list[dict[str, Any]] = []
    for calendar in calendars:
        for event in recurring_ical_events.of(calendar, skip_bad_series=True).between(begins, ends):
            people = list(names_in(event))
            if str(event.get("STATUS", "")).upper() != "CANCELLED" and people:
                span = _moment(event.start, zone), _moment(event.end, zone)
                found.append({"begins": span[0].isoformat(), "ends": span[1].isoformat(), "people": people})
            if len(found) > MOST_SHIFTS:
                raise ValueError(f"it has more than {MOST_SHIFTS} shifts within two months")
    return sorted(found, key=lambda shift: (shift["begins"], shift["ends"], shift["people"]))


def _moment(at: datetime | date, zone: str) -> datetime:
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def names_in(event: Any) -> Iterator[str]:
    """Whom an event names: Slack ids in its texts; else those invited; else addresses in its title; else the title."""
    title = " ".join(str(event.get("SUMMARY", "")).split())
    texts = f"{title} {event.get('DESCRIPTION', '')}"
    if ids := [plain or marked for plain, marked in _ID.findall(texts)]:
        yield from dict.fromkeys(ids)
    elif invited := list(_invited(event)):
        yield from dict.fromkeys(invited)
    elif addresses := _EMAIL.findall(title):
        yield from dict.fromkeys(addresses)
    elif title:
        yield title[:_LONGEST_NAME]


def _invited(event: Any) -> Iterator[str]:
    given = event.get("ATTENDEE", [])
    for attendee in given if isinstance(given, list) else [given]:
        parameters = getattr(attendee, "params", {})
        address = str(attendee)
        if address.lower().startswith("mailto:") and str(parameters.get("PARTSTAT", "")).upper() not in _NOT_THERE:
            yield address[7:][:_LONGEST_NAME]
