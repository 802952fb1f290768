"""The updates of open incidents that were promised."""

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)
_PROMISED = (
    _INCIDENT.c.next_update_at.is_not(None),
    _INCIDENT.c.status != IncidentStatus.RESOLVED.value,
    or_(_INCIDENT.c.reopened_at.is_(None), _INCIDENT.c.reopened_at < _INCIDENT.c.next_update_at),
)
"""What was promised before an incident was over is nothing that is waited for."""


async def first_due(connection: AsyncConnection) -> datetime | None:
    """When the first of them is due."""
    query = select(func.min(_INCIDENT.c.next_update_at, type_=_INCIDENT.c.next_update_at.type)).where(*_PROMISED)
    found: datetime | None = await connection.scalar(query)
    return found


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[str]:
    """The ids of the incidents whose update is due, the longest due first."""
    query = select(_INCIDENT.c.id).where(*_PROMISED, _INCIDENT.c.next_update_at <= now)
    return list(await connection.scalars(query.order_by(_INCIDENT.c.next_update_at).limit(limit)))
