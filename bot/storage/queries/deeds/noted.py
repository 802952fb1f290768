"""Which messages of people became notes, so that none becomes two."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.tables.deeds import NotedMessageRow

_NOTED = table_of(NotedMessageRow)


async def is_noted(connection: AsyncConnection, channel: str, ts: str) -> bool:
    query = select(_NOTED.c.ts).where(_NOTED.c.channel == channel, _NOTED.c.ts == ts)
    return (await connection.execute(query)).first() is not None


async def add(connection: AsyncConnection, channel: str, ts: str, incident_id: str, now: datetime) -> None:
    row = {"channel": channel, "ts": ts, "incident_id": incident_id, "at": now}
    await insert_missing(connection, _NOTED, [row])
