"""Edges of the topology that were learnt: bounded, and forgotten when they are not seen for long."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import chunks, table_of, upsert
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.tables.core import IncidentRow, LearntEdgeRow

KEPT = timedelta(days=7)
RENEWED = timedelta(hours=1)
"""An edge that was seen so recently is not written again."""
MOST = 10_000
"""Edges of one partition; beyond, those seen longest ago go."""
EVERYWHERE = 30
"""A service that runs on more than so many hosts was seen nearly everywhere, and where it was tells nothing."""
CALLS_AWAY = 3
"""How far calls are followed from a name, as far as the topology looks."""
MOST_AROUND = 2000
"""Edges that are looked at around a set of names, the last seen first; beyond, no call is followed further."""
_Column = ColumnElement[str]

_EDGE = table_of(LearntEdgeRow)
_INCIDENT = table_of(IncidentRow)
_KEY = (_EDGE.c.domain, _EDGE.c.service, _EDGE.c.depends_on)


class EdgeKind(StrEnum):
    """What taught an edge: an alert of a service on a host, metrics of calls, or a person who merged incidents."""

    RUNS_ON = "runs on"
    CALLS = "calls"
    BELONGS = "belongs to"


_OF_SERVICES = and_(_EDGE.c.domain.in_(any_of("domains")), _EDGE.c.service.in_(any_of("services")))
_SEEN_SINCE = select(*_KEY).where(_OF_SERVICES, _EDGE.c.last_seen > bindparam("since"))
_BY_HOSTS = (
    select(_EDGE.c.domain, _EDGE.c.service)
    .where(_OF_SERVICES, _EDGE.c.kind == EdgeKind.RUNS_ON.value, _EDGE.c.last_seen >= bindparam("since"))
    .group_by(_EDGE.c.domain, _EDGE.c.service)
    .having(func.count() > bindparam("hosts"))
)
_PLACED = select(_EDGE.c.service, _EDGE.c.depends_on).where(
    _OF_SERVICES, _EDGE.c.last_seen >= bindparam("since"), _EDGE.c.kind == EdgeKind.RUNS_ON.value
)
_COUNTED = select(func.count(), func.min(_EDGE.c.last_seen)).where(_EDGE.c.partition == bindparam("of"))


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
    kind: EdgeKind = EdgeKind.RUNS_ON,
) -> None:
    """Keep the edges of a partition, as seen now, for a span; and forget what has grown old.

    Of a service that is known to run on very many hosts no more are kept: they are left out when edges are read.
    """
    seen = set(edges)
    if kind is EdgeKind.RUNS_ON and len(seen) > EVERYWHERE:
        many = await _on_very_many(connection, seen, now)
        seen = {edge for edge in seen if (edge.domain, edge.service) not in many}
    domains = sorted({edge.domain for edge in seen})
    known: set[LearntEdge] = set()
    for services in chunks({edge.service for edge in seen}):
        values = {"domains": domains, "services": services, "since": now - RENEWED}
        rows = await fetch_rows(connection, _SEEN_SINCE, values)
        known |= {LearntEdge(*row) for row in rows}
    new = sorted(seen - known)
    if new:
        at = {"partition": partition, "last_seen": now + kept - KEPT, "kind": kind.value}
        await upsert(connection, _EDGE, [edge._asdict() | at for edge in new])
        await _forget(connection, partition, now)


async def _on_very_many(
    connection: AsyncConnection, edges: Collection[LearntEdge], now: datetime
) -> set[tuple[str, str]]:
    """Domain and service of those of which twice as many hosts as count were seen lately."""
    where = {"domains": sorted({edge.domain for edge in edges}), "since": now - RENEWED, "hosts": 2 * EVERYWHERE}
    found: set[tuple[str, str]] = set()
    for services in chunks({edge.service for edge in edges}):
        rows = await fetch_rows(connection, _BY_HOSTS, where | {"services": services})
        found |= {(domain, service) for domain, service in rows}
    return found


async def unlearn(connection: AsyncConnection, domain: str, edges: Iterable[tuple[str, str]]) -> None:
    """Forget edges of a domain, each a service and what it depends on."""
    pair = tuple_(_EDGE.c.service, _EDGE.c.depends_on)
    await connection.execute(delete(_EDGE).where(_EDGE.c.domain == domain, pair.in_(sorted(edges))))


async def _forget(connection: AsyncConnection, partition: int, now: datetime) -> None:
    mine = _EDGE.c.partition == partition
    [(count, oldest)] = await fetch_rows(connection, _COUNTED, {"of": partition})
    if oldest is not None and oldest < now - KEPT:
        old = await connection.execute(delete(_EDGE).where(mine, _EDGE.c.last_seen < now - KEPT))
        count -= old.rowcount
    if count > MOST:  # a tenth at once, so that it is not done again for each edge
        latest_first = select(*_KEY).where(mine).order_by(_EDGE.c.last_seen.desc(), *_KEY)
        beyond = latest_first.offset(MOST - MOST // 10)
        await connection.execute(delete(_EDGE).where(mine, tuple_(*_KEY).in_(beyond)))


class Around(NamedTuple):
    """What services depend on; and whether that is all of it, or only what was seen last."""

    edges: dict[str, list[str]]
    whole: bool


async def learnt_edges(
    connection: AsyncConnection, domains: Iterable[str], names: Iterable[str], now: datetime
) -> dict[str, list[str]]:
    """The edges of :func:`look_around`."""
    return (await look_around(connection, domains, names, now)).edges


async def look_around(
    connection: AsyncConnection, domains: Iterable[str], names: Iterable[str], now: datetime
) -> Around:
    """What services depend on, as the domains have taught it, around the services and hosts of these names.

    Where it is whole, what is around some names and what is around others is together what is around all of them.
    Around a name are its own edges, and those of everything that depends on the same; and who calls whom, a few calls
    away. Where a service runs that was seen on very many hosts is left out.
    """
    known: dict[str, Any] = {"domains": sorted(set(domains)), "since": now - KEPT}
    wanted = set(names)
    everywhere = await _seen_everywhere(connection, known, wanted)
    among = known | {"but": sorted(everywhere)}  # their edges are many and say nothing: they are not read
    below, all_below = await _followed(connection, among, wanted, "service", "depends_on")
    ends = wanted | {edge.depends_on for edge in below if edge.service in wanted}
    above, all_above = await _followed(connection, among, ends, "depends_on", "service")
    calls = {edge for edge in below if edge.kind is EdgeKind.CALLS}
    found: dict[str, set[str]] = {}
    runs_on = {edge.service for edge in above if edge.kind is EdgeKind.RUNS_ON}
    everywhere |= await _seen_everywhere(connection, known, runs_on - everywhere)
    for edge in calls | above:
        if edge.kind is not EdgeKind.RUNS_ON or edge.service not in everywhere:
            found.setdefault(edge.service, set()).add(edge.depends_on)
    return Around({service: sorted(found[service]) for service in sorted(found)}, all_below and all_above)


class _Edge(NamedTuple):
    service: str
    depends_on: str
    kind: EdgeKind


@cache
def _edges_at(end: str, calls: bool) -> Select[Any]:
    """The edges with one of the names at this end, or only the calls, the last seen first."""
    runs_on = _EDGE.c.kind == EdgeKind.RUNS_ON.value
    known = and_(_EDGE.c.domain.in_(any_of("domains")), _EDGE.c.last_seen >= bindparam("since"))
    query = select(_EDGE.c.service, _EDGE.c.depends_on, _EDGE.c.kind).where(known, _EDGE.c[end].in_(any_of("names")))
    some = _EDGE.c.kind == EdgeKind.CALLS.value if calls else or_(~runs_on, _EDGE.c.service.not_in(any_of("but")))
    return query.where(some).order_by(_EDGE.c.last_seen.desc(), *_KEY).limit(bindparam("limit"))


async def _followed(
    connection: AsyncConnection, known: Mapping[str, Any], names: set[str], start: str, end: str
) -> tuple[set[_Edge], bool]:
    """The edges that start at the names, and the calls that go on from where calls lead; and whether these are all."""
    found: set[_Edge] = set()
    whole = True
    seen, frontier = set(names), names
    for hop in range(CALLS_AWAY):
        fresh: set[_Edge] = set()
        for chunk in chunks(frontier):
            values = {**known, "names": chunk, "limit": MOST_AROUND}
            rows = await fetch_rows(connection, _edges_at(start, calls=hop > 0), values)
            whole = whole and len(rows) < MOST_AROUND
            fresh |= {_Edge(service, other, EdgeKind(kind)) for service, other, kind in rows}
        found |= fresh
        frontier = {getattr(edge, end) for edge in fresh if edge.kind is EdgeKind.CALLS} - seen
        seen |= frontier
        if not frontier or len(found) > MOST_AROUND:
            break
    return found, whole and len(found) <= MOST_AROUND


async def _seen_everywhere(connection: AsyncConnection, known: Mapping[str, Any], services: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(services):
        rows = await fetch_rows(connection, _BY_HOSTS, {**known, "services": chunk, "hosts": EVERYWHERE})
        found |= {service for _, service in rows}
    return found


async def hosts_of(
    connection: AsyncConnection, domain: str, services: Iterable[str], now: datetime
) -> dict[str, set[str]]:
    """On which hosts alerts have placed services."""
    found: dict[str, set[str]] = {}
    for chunk in chunks(services):
        values = {"domains": [domain], "services": chunk, "since": now - KEPT}
        for service, host in await fetch_rows(connection, _PLACED, values):
            found.setdefault(service, set()).add(host)
    return found


async def all_edges(
    connection: AsyncConnection, now: datetime, domains: Collection[str] | None = None
) -> list[tuple[LearntEdge, datetime]]:
    """Everything that is known and not too old, in these domains or in all, with when it was last seen."""
    query = select(*_KEY, _EDGE.c.last_seen).where(_EDGE.c.last_seen >= now - KEPT).order_by(*_KEY)
    rows = await connection.execute(query if domains is None else query.where(_EDGE.c.domain.in_(sorted(domains))))
    return [(LearntEdge(domain, service, other), seen) for domain, service, other, seen in rows]


async def names_after(
    connection: AsyncConnection, now: datetime, domains: Collection[str] | None, after: str, limit: int
) -> list[str]:
    """The names of what is known and not too old, in these domains or in all: the first behind a name, in order."""
    ends = [_in_order(connection, end) for end in (_EDGE.c.service, _EDGE.c.depends_on)]
    names = union(*(select(end.label("name")).where(end > after, *_known(now, domains)) for end in ends)).subquery()
    ordered = select(names.c.name).order_by(_in_order(connection, names.c.name)).limit(limit)
    return list(await connection.scalars(ordered))


async def dependencies_of(
    connection: AsyncConnection, now: datetime, domains: Collection[str] | None, services: Iterable[str]
) -> dict[str, list[str]]:
    """What each of these depends on by what is known, whatever the domain."""
    found: dict[str, list[str]] = {}
    for chunk in chunks(services):
        pairs = select(_EDGE.c.service, _EDGE.c.depends_on).where(_EDGE.c.service.in_(chunk), *_known(now, domains))
        ordered = pairs.distinct().order_by(_EDGE.c.service, _EDGE.c.depends_on).limit(MOST)
        for service, other in await connection.execute(ordered):
            found.setdefault(service, []).append(other)
    return found


def _in_order(connection: AsyncConnection, name: _Column) -> _Column:
    """By code point, as Python orders names; PostgreSQL has an order of its own."""
    return name.collate("C") if connection.dialect.name == "postgresql" else name


def _known(now: datetime, domains: Collection[str] | None) -> list[ColumnElement[bool]]:
    of_domains = [] if domains is None else [_EDGE.c.domain.in_(sorted(domains))]
    return [_EDGE.c.last_seen >= now - KEPT, *of_domains]


async def latest_domains(connection: AsyncConnection, count: int) -> set[str]:
    """The correlation domains of the latest incidents."""
    latest = select(_INCIDENT.c.domain).order_by(_INCIDENT.c.number.desc()).limit(count)
    return set(await connection.scalars(latest))
