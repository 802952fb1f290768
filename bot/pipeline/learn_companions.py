"""What resolved incidents teach: which services were troubled near in time, where the topology does not say why.

It counts whichever incidents they were in: what correlation itself has put together or kept apart proves nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.pipeline.batch import Batch
from bot.storage import companions, incidents
from bot.storage.companions import Pair
from detectors.topology import Topology

MOST_OWN = 10
MOST_BESIDE = 10
"""Of a storm the first services count, and for each the nearest in time: later ones tell the least of each other."""
_MOST_AROUND = 300


class Troubled(NamedTuple):
    """When a service was first heard of in an incident."""

    incident_id: str
    service: str
    at: datetime


async def learn_companions(batch: Batch, resolved: Sequence[Incident], connection: AsyncConnection) -> None:
    """Learn from incidents that have just been resolved. What happened beside them counts while it is open, so that
    no two are counted twice."""
    window = batch.rules.correlation.window
    done: set[str] = set()
    for incident in resolved:
        own = await _own(batch, incident, connection)
        others = await _beside(incident, own, window, connection)
        done.add(incident.id)
        seen = company(own, [one for one in others if one.incident_id not in done], batch.topology, window)
        if seen:
            await companions.learn(connection, incident.partition, incident.domain, seen, batch.now)


async def _own(batch: Batch, incident: Incident, connection: AsyncConnection) -> list[Troubled]:
    heard = {
        value: first for (_, kind, value), (first, _) in batch.keys.get(incident.id, {}).items() if kind == "service"
    }
    heard |= await incidents.services_heard(connection, incident.id, MOST_OWN)
    first = sorted(heard.items(), key=lambda one: (one[1], one[0]))[:MOST_OWN]
    return [Troubled(incident.id, service, at) for service, at in first]


async def _beside(
    incident: Incident, own: Sequence[Troubled], window: timedelta, connection: AsyncConnection
) -> list[Troubled]:
    if not own:
        return []
    since, until = own[0].at - window, own[-1].at + window
    rows = await incidents.services_between(connection, incident.domain, since, until, _MOST_AROUND)
    return [Troubled(*row) for row in rows]


def company(
    own: Sequence[Troubled], others: Sequence[Troubled], topology: Topology, window: timedelta
) -> dict[Pair, float]:
    """How often each pair is to be counted, both ways; and each of the own services with itself, as an episode.

    >>> at = datetime(2026, 3, 1)
    >>> two = [Troubled("x", "web", at), Troubled("x", "mail", at)]
    >>> sorted(company(two, [], Topology({}), timedelta(minutes=5)))
    [('mail', 'mail'), ('mail', 'web'), ('web', 'mail'), ('web', 'web')]
    """
    found: dict[Pair, float] = {}
    for one in own:
        found[one.service, one.service] = 1.0
        related = topology.below(one.service).keys() | topology.above(one.service).keys() | {one.service}
        away = [(abs(two.at - one.at), two.service) for two in (*own, *others) if two.service not in related]
        for distance, service in sorted(away)[:MOST_BESIDE]:
            if distance <= window:
                found[one.service, service] = found[service, one.service] = 1.0
    return found
