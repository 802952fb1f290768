"""What alerts find their incidents by: the keys, when each was seen, and what is decided on of an incident."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.storage.database import chunks, table_of
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.queries.incidents import MOST_KEYS, Key, Span
from bot.storage.tables.core import IncidentKeyRow, IncidentRow

_KEY = table_of(IncidentKeyRow)
_INCIDENT = table_of(IncidentRow)
Found = dict[str, dict[Key, Span]]
"""By incident."""


class Seen(NamedTuple):
    """Keys of these kinds that were seen between two moments."""

    since: datetime
    until: datetime
    kinds: Collection[str]

    @property
    def values(self) -> dict[str, Any]:
        return {"since": self.since, "until": self.until, "kinds": sorted(self.kinds)}


def _seen() -> Select[Any]:
    return (
        select(_KEY.c.domain, _KEY.c.kind, _KEY.c.value, _KEY.c.incident_id, _KEY.c.first_at, _KEY.c.last_at)
        .where(_KEY.c.kind.in_(any_of("kinds")))
        .where(_KEY.c.last_at >= bindparam("since"), _KEY.c.first_at <= bindparam("until"))
    )


_NEWEST = _seen().where(_KEY.c.domain.in_(any_of("domains"))).order_by(_KEY.c.last_at.desc()).limit(MOST_KEYS)
_OF_INCIDENTS = _seen().where(_KEY.c.incident_id.in_(any_of("ids")))


_OPEN = (
    select(_INCIDENT.c.number, _INCIDENT.c.id, _INCIDENT.c.domain, _INCIDENT.c.opened_at, _INCIDENT.c.status)
    .where(_INCIDENT.c.id.in_(any_of("ids")))
    .order_by(_INCIDENT.c.id)
    .with_for_update()
)
_RESOLVED = IncidentStatus.RESOLVED.value


class Candidate(NamedTuple):
    """What is decided on of an incident that an alert may join."""

    number: int
    id: str
    domain: str
    opened_at: datetime


async def locked(connection: AsyncConnection, ids: Iterable[str]) -> list[Candidate]:
    """Those of the incidents that are open, the oldest first; nobody else changes any before this transaction ends."""
    found: list[Candidate] = []
    for chunk in chunks(ids):
        rows = await fetch_rows(connection, _OPEN, {"ids": chunk})
        found += [Candidate(*candidate) for *candidate, status in rows if status != _RESOLVED]
    return sorted(found)


async def newest(connection: AsyncConnection, domains: Iterable[str], seen: Seen) -> Found:
    """Those of the open incidents of some domains; the newest, where there are too many."""
    return _found(await fetch_rows(connection, _NEWEST, {**seen.values, "domains": sorted(set(domains))}))


async def of_incidents(connection: AsyncConnection, ids: Iterable[str], seen: Seen) -> Found:
    """Those of some open incidents."""
    found: Found = {}
    for chunk in chunks(ids):
        found |= _found(await fetch_rows(connection, _OF_INCIDENTS, {**seen.values, "ids": chunk}))
    return found


def _found(rows: Iterable[Any]) -> Found:
    found: Found = {}
    for domain, kind, value, incident_id, first_at, last_at in rows:
        found.setdefault(incident_id, {})[domain, kind, value] = (first_at, last_at)
    return found
