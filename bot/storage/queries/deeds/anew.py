"""Incidents whose cause and summary are to be made anew, because people changed what they hold."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import chunks, table_of, upsert
from bot.storage.tables.deeds import ChangedIncidentRow

_CHANGED = table_of(ChangedIncidentRow)


async def ask(connection: AsyncConnection, incident_id: str, partition: int) -> None:
    await upsert(connection, _CHANGED, [{"incident_id": incident_id, "partition": partition}])


async def partitions(connection: AsyncConnection) -> set[int]:
    return {partition for (partition,) in await connection.execute(select(_CHANGED.c.partition).distinct())}


async def take(connection: AsyncConnection, partition: int) -> list[str]:
    """Those of a partition, once."""
    query = select(_CHANGED.c.incident_id).where(_CHANGED.c.partition == partition)
    found = [incident_id for (incident_id,) in await connection.execute(query)]
    for chunk in chunks(found):
        await connection.execute(delete(_CHANGED).where(_CHANGED.c.incident_id.in_(chunk)))
    return found
