"""How many services of a domain break for reasons of their own: as many as incidents were opened lately."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.queries.records import incident_times
from bot.storage.queries.records.incident_times import LearntOf
from detectors.correlation import REACH

LOOKED_BACK = timedelta(hours=1)
KNOWN_AFTER = timedelta(minutes=1)
"""So long after its first incident a domain is known. What fires before may have just been connected."""
_REMEMBERED = timedelta(days=1)


async def rates_of(
    connection: AsyncConnection, domains: Iterable[str], now: datetime, window: timedelta
) -> dict[str, float]:
    """By domain, a second. What began so lately that time may tell something of it does not count: it may be what is to
    be judged. A domain is known from ``KNOWN_AFTER`` on."""
    wanted, until = set(domains), now - REACH * window
    learnt = await incident_times.learnt_of(connection, wanted, now - _REMEMBERED, (until - LOOKED_BACK, until))
    found = rates({domain: one for domain, one in learnt.items() if now - one.first >= KNOWN_AFTER}, until)
    quiet = await incident_times.domains_before(connection, wanted - found.keys(), now - _REMEMBERED)
    return found | dict.fromkeys(quiet, 0.0)


def rates(learnt: Mapping[str, LearntOf], until: datetime) -> dict[str, float]:
    """By domain, from when we first learnt of an incident there, and of how many within ``LOOKED_BACK`` before.

    The first of them counts, too, so that a domain that was watched for some minutes only is taken for a busy one; one
    that has nothing but what is to be judged is taken for a quiet one.

    >>> at = datetime(2026, 3, 1)
    >>> firsts = {"new": at, "old": at - LOOKED_BACK, "newer": at + timedelta(minutes=1)}
    >>> found = rates({name: LearntOf(first, 1) for name, first in firsts.items()}, at + timedelta(seconds=10))
    >>> found["new"], found["old"] < 0.001, found["newer"]
    (0.1, True, 0.0)
    """
    spans = {domain: min(until - one.first, LOOKED_BACK).total_seconds() for domain, one in learnt.items()}
    return {domain: learnt[domain].lately / span if span > 0 else 0.0 for domain, span in spans.items()}
