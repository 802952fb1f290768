"""How many services of a domain break for reasons of their own: as many as incidents were opened lately."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.queries import incidents

LOOKED_BACK = timedelta(hours=1)
KNOWN_AFTER = timedelta(minutes=10)
"""A domain that was watched for less is not known: what is usual there has not been seen."""
_REMEMBERED = timedelta(days=1)


async def rates_of(
    connection: AsyncConnection, domains: Iterable[str], now: datetime, window: timedelta
) -> dict[str, float]:
    """By domain, a second; not of those that are not known for long enough. What is within the window does not count:
    it may be what is to be judged."""
    found = await incidents.learnt_of_since(connection, domains, now - _REMEMBERED)
    return _rates(found, now - window)


def _rates(learnt_at: Mapping[str, Sequence[datetime]], until: datetime) -> dict[str, float]:
    found = {}
    for domain, moments in learnt_at.items():
        watched = until - min(moments)
        if watched >= KNOWN_AFTER:
            span = min(watched, LOOKED_BACK)
            counted = sum(until - span <= at <= until for at in moments)
            found[domain] = counted / span.total_seconds()
    return found
