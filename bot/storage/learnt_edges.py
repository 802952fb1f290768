"""Edges of the topology that alerts have taught: bounded, and forgotten when they are not seen for long."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of, upsert
from bot.storage.tables import LearntEdgeRow

KEPT = timedelta(days=7)
RENEWED = timedelta(hours=1)
"""An edge that was seen so recently is not written again."""
MOST = 10_000
"""Edges of one partition; beyond, those seen longest ago go."""
EVERYWHERE = 30
"""A service that depends on more than so many others was seen nearly everywhere, and where it was tells nothing."""
_CHUNK = 1000

_EDGE = table_of(LearntEdgeRow)
_KEY = (_EDGE.c.domain, _EDGE.c.service, _EDGE.c.depends_on)


class LearntEdge(NamedTuple):
    """In a correlation domain, ``service`` depends on ``depends_on``."""

    domain: str
    service: str
    depends_on: str


async def learn(
    connection: AsyncConnection,
    partition: int,
    edges: Iterable[LearntEdge],
    now: datetime,
    kept: timedelta = KEPT,
) -> None:
    """Keep the edges of a partition, as seen now, for a span; and forget what has grown old."""
    seen = set(edges)
    domains = {edge.domain for edge in seen}
    known: set[LearntEdge] = set()
    for services in _chunks({edge.service for edge in seen}):
        of_these = and_(_EDGE.c.domain.in_(domains), _EDGE.c.service.in_(services))
        rows = await connection.execute(select(*_KEY).where(of_these, _EDGE.c.last_seen > now - RENEWED))
        known |= {LearntEdge(*row) for row in rows}
    new = sorted(seen - known)
    if new:
        at = {"partition": partition, "last_seen": now + kept - KEPT}
        await upsert(connection, _EDGE, [edge._asdict() | at for edge in new])
        await _forget(connection, partition, now)


async def unlearn(connection: AsyncConnection, domain: str, edges: Iterable[tuple[str, str]]) -> None:
    """Forget edges of a domain, each a service and what it depends on."""
    pair = tuple_(_EDGE.c.service, _EDGE.c.depends_on)
    await connection.execute(delete(_EDGE).where(_EDGE.c.domain == domain, pair.in_(sorted(edges))))


async def _forget(connection: AsyncConnection, partition: int, now: datetime) -> None:
    mine = _EDGE.c.partition == partition
    await connection.execute(delete(_EDGE).where(mine, _EDGE.c.last_seen < now - KEPT))
    count = await connection.scalar(select(func.count()).select_from(_EDGE).where(mine)) or 0
    if count > MOST:  # a tenth at once, so that it is not done again for each edge
        latest_first = select(*_KEY).where(mine).order_by(_EDGE.c.last_seen.desc(), *_KEY)
        beyond = latest_first.offset(MOST - MOST // 10)
        await connection.execute(delete(_EDGE).where(mine, tuple_(*_KEY).in_(beyond)))


async def learnt_edges(
    connection: AsyncConnection, domains: Iterable[str], names: Iterable[str], now: datetime
) -> dict[str, list[str]]:
    """What services depend on, as alerts of the domains have taught it, around the services and hosts of these names.

    Around a name are its own edges, and those of everything that depends on the same. A service seen on very many
    hosts is left out.
    """
    known = and_(_EDGE.c.domain.in_(set(domains)), _EDGE.c.last_seen >= now - KEPT)
    ends = set(names)
    for chunk in _chunks(set(ends)):
        rows = await connection.execute(select(_EDGE.c.depends_on).where(known, _EDGE.c.service.in_(chunk)))
        ends |= {end for (end,) in rows}
    found: dict[str, set[str]] = {}
    for chunk in _chunks(ends):
        pairs = select(_EDGE.c.service, _EDGE.c.depends_on).where(known, _EDGE.c.depends_on.in_(chunk))
        for service, end in await connection.execute(pairs):
            found.setdefault(service, set()).add(end)
    everywhere = await _seen_everywhere(connection, known, found)
    return {service: sorted(found[service]) for service in sorted(found.keys() - everywhere)}


async def _seen_everywhere(
    connection: AsyncConnection, known: ColumnElement[bool], services: Iterable[str]
) -> set[str]:
    found: set[str] = set()
    for chunk in _chunks(services):
        rows = await connection.execute(
            select(_EDGE.c.service)
            .where(known, _EDGE.c.service.in_(chunk))
            .group_by(_EDGE.c.domain, _EDGE.c.service)
            .having(func.count() > EVERYWHERE)
        )
        found |= {service for (service,) in rows}
    return found


async def all_edges(connection: AsyncConnection, now: datetime) -> list[tuple[LearntEdge, datetime]]:
    """Everything that is known and not too old, with when it was last seen."""
    rows = await connection.execute(
        select(*_KEY, _EDGE.c.last_seen).where(_EDGE.c.last_seen >= now - KEPT).order_by(*_KEY)
    )
    return [(LearntEdge(domain, service, other), seen) for domain, service, other, seen in rows]


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))
