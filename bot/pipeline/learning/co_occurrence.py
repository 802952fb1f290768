"""What resolved incidents teach: which services were troubled near in time, where the topology does not say why.

It counts whichever incidents they were in: what correlation itself has put together or kept apart proves nothing.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.pipeline.batch import Batch
from bot.storage.queries import co_occurrence, incidents
from bot.storage.queries.co_occurrence import Pair
from detectors.topology import Topology

MOST_OWN = 10
MOST_BESIDE = 10
"""Of a storm the first services count, and for each the nearest in time: later ones tell the least of each other."""
_MOST_AROUND = 300


Span = tuple[datetime, datetime]


class Troubled(NamedTuple):
    """When a service was first seen in an incident."""

    incident_id: str
    service: str
    at: datetime


async def learn_co_occurrence(batch: Batch, resolved: Sequence[Incident], connection: AsyncConnection) -> None:
    """Learn from incidents that have just been resolved. What happened beside them counts while it is open, so that
    no two are counted twice."""
    if not resolved:
        return
    window = batch.rules.correlation.window
    stored = await incidents.services_seen(connection, [incident.id for incident in resolved])
    own = {incident.id: _own(batch, incident, stored[incident.id]) for incident in resolved}
    done: set[str] = set()
    for domain, alike in groupby(sorted(resolved, key=attrgetter("domain")), attrgetter("domain")):
        theirs = {incident.id: own[incident.id] for incident in alike if own[incident.id]}
        beside = await _beside(domain, list(theirs.values()), window, connection)
        counted: Counter[Pair] = Counter()
        for incident_id, troubled in theirs.items():
            done.add(incident_id)
            near = _within(_span(troubled, window), beside)
            counted.update(
                pairs_near(troubled, [one for one in near if one.incident_id not in done], batch.topology, window)
            )
        if counted:
            await co_occurrence.learn(connection, batch.partition, domain, counted, batch.now)


def _own(batch: Batch, incident: Incident, stored: Mapping[str, datetime]) -> list[Troubled]:
    seen = {
        value: first
        for (_, kind, value), (first, _) in batch.changed_keys.get(incident.id, {}).items()
        if kind == "service"
    }
    first = sorted((seen | dict(stored)).items(), key=lambda one: (one[1], one[0]))[:MOST_OWN]
    return [Troubled(incident.id, service, at) for service, at in first]


def _span(troubled: Sequence[Troubled], window: timedelta) -> Span:
    return troubled[0].at - window, troubled[-1].at + window


def _within(span: Span, beside: Sequence[Troubled]) -> Sequence[Troubled]:
    first, last = (
        bisect_left(beside, span[0], key=attrgetter("at")),
        bisect_right(beside, span[1], key=attrgetter("at")),
    )
    return beside[first : min(last, first + _MOST_AROUND)]


async def _beside(
    domain: str, troubled: Sequence[Sequence[Troubled]], window: timedelta, connection: AsyncConnection
) -> list[Troubled]:
    """In order of time what was seen near to any of them; a span that several share is read once."""
    found: list[Troubled] = []
    waiting: list[Span] = []
    for span in sorted(_span(one, window) for one in troubled):
        if waiting and span[0] > max(until for _, until in waiting):
            found += await _seen_in(domain, waiting, connection)
            waiting = []
        waiting.append(span)
    return found + (await _seen_in(domain, waiting, connection) if waiting else [])


async def _seen_in(domain: str, spans: Sequence[Span], connection: AsyncConnection) -> list[Troubled]:
    until, most = max(until for _, until in spans), _MOST_AROUND * len(spans)
    return [Troubled(*row) for row in await incidents.services_between(connection, domain, spans[0][0], until, most)]


def pairs_near(
    own: Sequence[Troubled], others: Sequence[Troubled], topology: Topology, window: timedelta
) -> dict[Pair, int]:
    """How often each pair is to be counted, both ways; and each of the own services with itself, as an episode.

    >>> at = datetime(2026, 3, 1)
    >>> two = [Troubled("x", "web", at), Troubled("x", "mail", at)]
    >>> sorted(pairs_near(two, [], Topology({}), timedelta(minutes=5)))
    [('mail', 'mail'), ('mail', 'web'), ('web', 'mail'), ('web', 'web')]
    """
    found: dict[Pair, int] = {}
    for one in own:
        found[one.service, one.service] = 1
        related = topology.below(one.service).keys() | topology.above(one.service).keys() | {one.service}
        away = [(abs(two.at - one.at), two.service) for two in (*own, *others) if two.service not in related]
        for distance, service in sorted(away)[:MOST_BESIDE]:
            if distance <= window:
                found[one.service, service] = found[service, one.service] = 1
    return found
