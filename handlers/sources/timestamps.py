"""Timestamps as senders write them."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from handlers.sources.registry import Malformed

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its zone: without one nobody knows when it was."""

_AS_SECONDS_THE_YEAR_5138 = 1e11


def in_utc(moment: datetime, where: str) -> datetime | None:
    """The moment in UTC; None for Go's zero time, year 1, which means that there is none.

    Raises Malformed where UTC has no such moment.
    """
    if moment.year <= 1:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise Malformed(f"{where}: {moment.isoformat()} is outside the years 1 to 9999") from error


def since_1970(value: float | str | None, where: str) -> datetime | None:
    """The moment that is so many seconds, milli-, micro- or nanoseconds after 1970 began (UTC): its size tells which.

    None where there is none, which some senders write as 0. Raises Malformed where the value is no such number.
    """
    try:
        number = float(value or 0)
        for _ in range(3):
            number = number / 1000 if abs(number) >= _AS_SECONDS_THE_YEAR_5138 else number
        return datetime.fromtimestamp(number, UTC) if number else None
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{where}: {str(value)[:60]!r} is no moment: {error}") from error


def from_iso(text: str, where: str) -> datetime | None:
    """The moment of an ISO 8601 text with a zone, also one without a colon; None where there is none.

    Raises Malformed where the text is no such moment.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{where}: {text[:60]!r} is no moment: {error}") from error
    if moment.tzinfo is None:
        raise Malformed(f"{where}: {text[:60]!r} has no zone")
    return in_utc(moment, where)
