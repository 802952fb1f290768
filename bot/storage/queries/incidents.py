"""Incidents: their state, the keys by which alerts find them, and their timelines."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus, TimelineEntry
from bot.domain.severity import Severity
from bot.storage.database import chunks, row_of, table_of, upsert
from bot.storage.prepared import any_of, fetch_dicts, fetch_rows, write_rows
from bot.storage.queries import incident_tokens
from bot.storage.queries.records import counter
from bot.storage.tables.core import IncidentKeyRow, IncidentRow, TimelineRow

_INCIDENT = table_of(IncidentRow)
_KEY = table_of(IncidentKeyRow)
_TIMELINE = table_of(TimelineRow)

MOST_KEYS = 5000
_LATELY_RESOLVED = 500
_INTO_TIMELINE = insert(_TIMELINE).inline()
_BY_IDS = select(_INCIDENT).where(_INCIDENT.c.id.in_(any_of("ids"))).order_by(_INCIDENT.c.id)
_BY_IDS_LOCKED = _BY_IDS.with_for_update()
_SERVICES_BETWEEN = (
    select(_KEY.c.incident_id, _KEY.c.value, _KEY.c.first_at)
    .where(_KEY.c.domain == bindparam("of"), _KEY.c.kind == "service", _KEY.c.last_at >= bindparam("since"))
    .where(_KEY.c.first_at >= bindparam("since"), _KEY.c.first_at <= bindparam("until"))
    .order_by(_KEY.c.first_at, _KEY.c.incident_id, _KEY.c.value)
    .limit(bindparam("limit"))
)

Key = tuple[str, str, str]
"""Correlation domain, kind (one of :data:`KINDS`) and value."""
KINDS = ("service", "namespace", "group", "name")
Span = tuple[datetime, datetime]
"""The first and the last moment at which something was seen."""


def _incident(row: RowMapping) -> Incident:
    return msgspec.convert(dict(row), Incident)


async def take_numbers(connection: AsyncConnection, count: int) -> list[int]:
    """The next incident numbers; taken for good when the transaction commits."""
    behind = await counter.take(connection, "incident", count) + 1
    return list(range(behind - count, behind))


async def by_ids(connection: AsyncConnection, ids: Iterable[str], *, lock: bool = False) -> dict[str, Incident]:
    """Incidents by id; with ``lock`` nobody else changes them before this transaction ends."""
    found: dict[str, Incident] = {}
    for chunk in chunks(ids):
        rows = await fetch_dicts(connection, _BY_IDS_LOCKED if lock else _BY_IDS, {"ids": chunk})
        found |= {row["id"]: msgspec.convert(row, Incident) for row in rows}
    return found


async def by_id(connection: AsyncConnection, incident_id: str, *, lock: bool = False) -> Incident | None:
    return (await by_ids(connection, [incident_id], lock=lock)).get(incident_id)


async def resolved_before(connection: AsyncConnection, ids: Iterable[str], moment: datetime) -> set[str]:
    """Those of the incidents that were resolved, by people or alerts, before a moment."""
    query = select(_INCIDENT.c.id).where(_INCIDENT.c.id.in_(sorted(set(ids))), _INCIDENT.c.resolved_at < moment)
    return {incident_id for (incident_id,) in await connection.execute(query)}


async def lately_resolved(connection: AsyncConnection, domain: str, since: datetime, service: str) -> list[str]:
    """The incidents of a domain, of this service alone, that resolved by themselves since a moment, newest first."""
    query = (
        select(_INCIDENT.c.id, _INCIDENT.c.services)
        .where(_INCIDENT.c.changed_at >= since, _INCIDENT.c.domain == domain, _INCIDENT.c.resolved_at >= since)
        .where(_INCIDENT.c.resolved_by.is_(None), _INCIDENT.c.part_of.is_(None))
        .order_by(_INCIDENT.c.resolved_at.desc())
        .limit(MOST_KEYS)
    )
    return [incident_id for incident_id, services in await connection.execute(query) if services == [service]]


async def by_number(connection: AsyncConnection, number: int) -> Incident | None:
    row = (await connection.execute(select(_INCIDENT).where(_INCIDENT.c.number == number))).mappings().first()
    return _incident(row) if row else None


async def services_seen(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, dict[str, datetime]]:
    """Of each open incident the services that were seen in it, and since when."""
    found: dict[str, dict[str, datetime]] = {incident_id: {} for incident_id in ids}
    for chunk in chunks(ids):
        these = (_KEY.c.incident_id.in_(chunk), _KEY.c.kind == "service")
        for incident_id, service, first_at in await connection.execute(
            select(_KEY.c.incident_id, _KEY.c.value, _KEY.c.first_at).where(*these)
        ):
            found[incident_id][service] = first_at
    return found


async def services_between(
    connection: AsyncConnection, domain: str, since: datetime, until: datetime, limit: int
) -> list[tuple[str, str, datetime]]:
    """The services first seen in open incidents between two moments: incident, service and when."""
    values = {"of": domain, "since": since, "until": until, "limit": limit}
    rows = await fetch_rows(connection, _SERVICES_BETWEEN, values)
    return [(incident_id, service, first_at) for incident_id, service, first_at in rows]


async def save(
    connection: AsyncConnection, incidents: Sequence[Incident], keys: Mapping[str, Mapping[Key, Span]]
) -> None:
    """Write incidents, and the keys of those that are open."""
    await save_rows(connection, incidents)
    await save_keys(connection, incidents, keys)


async def save_rows(connection: AsyncConnection, incidents: Iterable[Incident]) -> None:
    await upsert(connection, _INCIDENT, [row_of(incident) for incident in incidents])


async def save_keys(
    connection: AsyncConnection, incidents: Sequence[Incident], keys: Mapping[str, Mapping[Key, Span]]
) -> None:
    """Write the keys of incidents that are open; a resolved one is no longer found by key or token."""
    resolved = [incident.id for incident in incidents if not incident.open]
    for chunk in chunks(resolved):
        await connection.execute(delete(_KEY).where(_KEY.c.incident_id.in_(chunk)))
    await incident_tokens.forget(connection, resolved)
    rows = [
        {
            "domain": domain,
            "kind": kind,
            "value": value,
            "incident_id": incident.id,
            "first_at": first,
            "last_at": last,
        }
        for incident in incidents
        if incident.open
        for (domain, kind, value), (first, last) in sorted(keys.get(incident.id, {}).items())
    ]
    await upsert(connection, _KEY, rows)


async def move_keys(
    connection: AsyncConnection, incident_id: str, to: str, services: Collection[str] | None = None
) -> None:
    """Let what leads to one incident, or only these services, lead to another; what led to both spans both times."""
    some = true() if services is None else _of_services(services)
    leaving = (await connection.execute(select(_KEY).where(_KEY.c.incident_id == incident_id, some))).mappings().all()
    if not leaving:
        return
    there = (await connection.execute(select(_KEY).where(_KEY.c.incident_id == to, some))).mappings().all()
    known = {(row["domain"], row["kind"], row["value"]): row for row in there}
    moved = []
    for row in leaving:
        other = known.get((row["domain"], row["kind"], row["value"]), row)
        first, last = min(row["first_at"], other["first_at"]), max(row["last_at"], other["last_at"])
        moved.append({**row, "incident_id": to, "first_at": first, "last_at": last})
    await connection.execute(delete(_KEY).where(_KEY.c.incident_id == incident_id, some))
    await upsert(connection, _KEY, moved)


def _of_services(services: Collection[str]) -> ColumnElement[bool]:
    """Their keys: their names, and these behind a namespace."""
    named = and_(_KEY.c.kind == "service", _KEY.c.value.in_(sorted(services)))
    behind = [_KEY.c.value.endswith(f"/{service}", autoescape=True) for service in sorted(services)]
    return or_(named, and_(_KEY.c.kind == "namespace", or_(false(), *behind)))


async def list_incidents(
    connection: AsyncConnection, *, status: str | None = None, below: int | None = None, limit: int = 50
) -> list[Incident]:
    """Incidents, the newest first; ``below`` is the number after which the page begins."""
    query = select(_INCIDENT).order_by(_INCIDENT.c.number.desc()).limit(limit)
    if status == "open":
        query = query.where(_INCIDENT.c.status != IncidentStatus.RESOLVED.value)
    elif status:
        query = query.where(_INCIDENT.c.status == status)
    if below is not None:
        query = query.where(_INCIDENT.c.number < below)
    return [_incident(row) for row in (await connection.execute(query)).mappings()]


async def open_worst_first(connection: AsyncConnection, limit: int, *conditions: ColumnElement[bool]) -> list[Incident]:
    """Open incidents: the most severe first, of these those that nobody looks after, then the oldest."""
    rank = case(
        {severity.value: severity.rank for severity in Severity}, value=_INCIDENT.c.severity, else_=len(Severity)
    )
    query = (
        select(_INCIDENT)
        .where(_INCIDENT.c.status != IncidentStatus.RESOLVED.value, *conditions)
        .order_by(rank, _INCIDENT.c.acknowledged_by.is_not(None), _INCIDENT.c.opened_at, _INCIDENT.c.number)
        .limit(limit)
    )
    return [_incident(row) for row in (await connection.execute(query)).mappings()]


async def resolved_since(connection: AsyncConnection, since: datetime, limit: int) -> list[Incident]:
    """Of the newest those that were resolved since then, the latest first, without what became part of another."""
    resolved = select(_INCIDENT.c.id).where(_INCIDENT.c.status == IncidentStatus.RESOLVED.value)
    newest = resolved.order_by(_INCIDENT.c.number.desc()).limit(_LATELY_RESOLVED)
    query = select(_INCIDENT).where(_INCIDENT.c.id.in_(newest), _INCIDENT.c.part_of.is_(None))
    query = query.where(_INCIDENT.c.resolved_at >= since)
    rows = await connection.execute(query.order_by(_INCIDENT.c.resolved_at.desc(), _INCIDENT.c.id).limit(limit))
    return [_incident(row) for row in rows.mappings()]


async def add_to_timeline(
    connection: AsyncConnection, entries: Sequence[TimelineEntry], locked: Collection[str] = ()
) -> None:
    """Add entries at the end of their incidents' timelines.

    Several may do so at once, and a position is given before its transaction commits: the incidents are locked first,
    or a reader could pass a position that is not there yet. ``locked`` are those that are already, or new.
    """
    if not entries:
        return
    ids = sorted({entry.incident_id for entry in entries}.difference(locked))
    if ids and connection.dialect.name != "sqlite":
        await connection.execute(
            select(_INCIDENT.c.id).where(_INCIDENT.c.id.in_(ids)).order_by(_INCIDENT.c.id).with_for_update()
        )
    await write_rows(connection, _INTO_TIMELINE, [row_of(entry) for entry in entries])


async def timeline_of(
    connection: AsyncConnection, incident_id: str, *, after: int = 0, limit: int = 1000
) -> list[tuple[int, TimelineEntry]]:
    """Timeline entries in order, each with its position."""
    return await _timeline(connection, incident_id, after, limit)


async def not_in_thread(
    connection: AsyncConnection, incident_id: str, *, after: int, limit: int, worse: bool = False
) -> list[tuple[int, TimelineEntry]]:
    """Those behind a position that a thread has not by messages of their own; ``worse``: by which it got worse."""
    return await _timeline(
        connection, incident_id, after, limit, ~_TIMELINE.c.posted, *([_TIMELINE.c.worse] if worse else [])
    )


async def _timeline(
    connection: AsyncConnection, incident_id: str, after: int, limit: int, *which: ColumnElement[bool]
) -> list[tuple[int, TimelineEntry]]:
    rows = await connection.execute(
        select(_TIMELINE)
        .where(_TIMELINE.c.incident_id == incident_id, _TIMELINE.c.id > after, *which)
        .order_by(_TIMELINE.c.id)
        .limit(limit)
    )
    return [(row["id"], _entry(row)) for row in rows.mappings()]


async def last_position(connection: AsyncConnection, incident_id: str) -> int:
    """That of the last timeline entry; 0 where there is none."""
    query = select(func.max(_TIMELINE.c.id)).where(_TIMELINE.c.incident_id == incident_id)
    return await connection.scalar(query) or 0


async def worse_texts(connection: AsyncConnection, incident_id: str, since: datetime, until: int) -> set[str]:
    """What said that the incident got worse, from a moment on and up to a position."""
    worse = (_TIMELINE.c.incident_id == incident_id, _TIMELINE.c.worse)
    rows = await connection.execute(
        select(_TIMELINE.c.text).where(*worse, _TIMELINE.c.at >= since, _TIMELINE.c.id <= until)
    )
    return set(rows.scalars())


async def has_entry(connection: AsyncConnection, incident_id: str, text: str) -> bool:
    """Whether a line of an incident's timeline reads so."""
    query = select(_TIMELINE.c.id).where(_TIMELINE.c.incident_id == incident_id, _TIMELINE.c.text == text)
    return (await connection.execute(query.limit(1))).first() is not None


def _entry(row: RowMapping) -> TimelineEntry:
    fields: dict[str, Any] = {name: row[name] for name in TimelineEntry.__struct_fields__}
    return msgspec.convert(fields, TimelineEntry)


async def touch(connection: AsyncConnection, incident_id: str, now: datetime) -> None:
    """Say that something a person sees of the incident has changed beside its own row."""
    await connection.execute(
        update(_INCIDENT).where(_INCIDENT.c.id == incident_id).values(version=_INCIDENT.c.version + 1, changed_at=now)
    )
