"""What happened, in the order in which it was written down: the timelines of all incidents as one feed."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow, TimelineRow

_INCIDENT = table_of(IncidentRow)
_TIMELINE = table_of(TimelineRow)


class Happening(NamedTuple):
    """A line of a timeline, with the incident as it is when this is read."""

    position: int
    at: datetime
    kind: str
    text: str
    actor: str | None
    incident_id: str
    number: int
    title: str
    status: str
    severity: str
    version: int
    domain: str
    drill: bool


async def newest_position(connection: AsyncConnection) -> int:
    return await connection.scalar(select(func.max(_TIMELINE.c.id))) or 0


async def happenings(connection: AsyncConnection, after: int, limit: int, until: int | None = None) -> list[Happening]:
    """Those behind a position, in order, up to another one."""
    about = (_TIMELINE.c.id, _TIMELINE.c.at, _TIMELINE.c.kind, _TIMELINE.c.text, _TIMELINE.c.actor)
    of = (_INCIDENT.c.id, _INCIDENT.c.number, _INCIDENT.c.title, _INCIDENT.c.status, _INCIDENT.c.severity)
    query = (
        select(*about, *of, _INCIDENT.c.version, _INCIDENT.c.domain, _INCIDENT.c.drill)
        .join(_INCIDENT, _INCIDENT.c.id == _TIMELINE.c.incident_id)
        .where(_TIMELINE.c.id > after)
        .order_by(_TIMELINE.c.id)
        .limit(limit)
    )
    if until is not None:
        query = query.where(_TIMELINE.c.id <= until)
    return [Happening._make(row) for row in await connection.execute(query)]
