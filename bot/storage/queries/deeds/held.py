"""Incidents that people resolved while alerts of them fired."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import chunks, table_of, upsert
from bot.storage.tables.deeds import HeldIncidentRow

_HELD = table_of(HeldIncidentRow)


async def hold(connection: AsyncConnection, incident_id: str, partition: int, now: datetime) -> None:
    row = {"incident_id": incident_id, "partition": partition, "resolved_at": now}
    await upsert(connection, _HELD, [row])


async def partitions(connection: AsyncConnection) -> dict[int, datetime]:
    """The partitions with incidents that are held, and when the first of these was resolved."""
    query = select(_HELD.c.partition, func.min(_HELD.c.resolved_at)).group_by(_HELD.c.partition)
    return {partition: at for partition, at in await connection.execute(query)}


async def take_due(connection: AsyncConnection, partition: int, resolved_before: datetime) -> dict[str, datetime]:
    """The incidents of a partition that have been held for long enough, with when they were resolved, once."""
    due = select(_HELD.c.incident_id, _HELD.c.resolved_at)
    due = due.where(_HELD.c.partition == partition, _HELD.c.resolved_at <= resolved_before)
    found = {incident_id: at for incident_id, at in await connection.execute(due)}
    for chunk in chunks(found):
        await connection.execute(delete(_HELD).where(_HELD.c.incident_id.in_(chunk)))
    return found
