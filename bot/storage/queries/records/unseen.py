"""Incidents that nobody has looked up yet where their services run."""

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)


async def opened(connection: AsyncConnection, since: datetime, until: datetime, most: int) -> list[Incident]:
    """Open ones that were opened between two moments and not looked up, the newest first."""
    query = (
        select(_INCIDENT)
        .where(_INCIDENT.c.status != IncidentStatus.RESOLVED.value, _INCIDENT.c.changed_at >= since)
        .where(_INCIDENT.c.created_at.between(since, until), _INCIDENT.c.observed.is_(None))
        .order_by(_INCIDENT.c.number.desc())
        .limit(most)
    )
    return [msgspec.convert(dict(row), Incident) for row in (await connection.execute(query)).mappings()]
