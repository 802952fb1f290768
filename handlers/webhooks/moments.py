"""Moments as senders write them."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from handlers.webhooks.registry import Malformed

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its zone: without one nobody knows when it was."""


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
