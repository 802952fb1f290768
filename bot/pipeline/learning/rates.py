"""How many services of a domain break for reasons of their own: as many as incidents were opened lately."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.queries.records import incident_times
from detectors.correlation import REACH

LOOKED_BACK = timedelta(hours=1)
_REMEMBERED = timedelta(days=1)


async def rates_of(
    connection: AsyncConnection, domains: Iterable[str], now: datetime, window: timedelta
) -> dict[str, float]:
    """By domain, a second. What began so lately that time may tell something of it does not count: it may be what is to
    be judged. A domain is known from its first incident on, and not before."""
    wanted = set(domains)
    found = rates(await incident_times.learnt_of_since(connection, wanted, now - _REMEMBERED), now - REACH * window)
    quiet = await incident_times.domains_before(connection, wanted - found.keys(), now - _REMEMBERED)
    return found | dict.fromkeys(quiet, 0.0)


def rates(learnt_at: Mapping[str, Sequence[datetime]], until: datetime) -> dict[str, float]:
    """By domain, from the moments at which its incidents were learnt of.

    The first of them counts, too, so that a domain that was watched for a moment only is taken for a busy one.

    >>> at = datetime(2026, 3, 1)
    >>> moments = {"new": [at], "old": [at - LOOKED_BACK], "unknown": [at + LOOKED_BACK]}
    >>> found = rates(moments, at + timedelta(seconds=10))
    >>> found["new"], found["old"] < 0.001, found.keys()
    (0.1, True, dict_keys(['new', 'old']))
    """
    found = {}
    for domain, moments in learnt_at.items():
        span = min(until - min(moments), LOOKED_BACK)
        if span > timedelta(0):
            counted = sum(until - span <= at <= until for at in moments)
            found[domain] = counted / span.total_seconds()
    return found
