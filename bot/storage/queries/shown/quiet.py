"""What came in quiet hours, and the digests at their ends."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of, upsert
from bot.storage.tables.routing import QuietDigestRow, QuietIncidentRow

_HELD = table_of(QuietIncidentRow)
_DIGEST = table_of(QuietDigestRow)
_AT_ONCE = 200


class QuietDigest(NamedTuple):
    """Of one channel, by its key. ``posting_since`` is set where it may stand there already."""

    channel: str
    until: datetime
    posting_since: datetime | None


async def hold(connection: AsyncConnection, channel: str, until: datetime, incident_id: str) -> bool:
    """The digest of that moment is to name an incident; False where it was to already."""
    row = {"channel": channel, "until": until, "incident_id": incident_id}
    return await insert_missing(connection, _HELD, [row]) == 1


async def due(connection: AsyncConnection, now: datetime) -> list[QuietDigest]:
    """The digests that are to be posted, the oldest first."""
    same = and_(_DIGEST.c.channel == _HELD.c.channel, _DIGEST.c.until == _HELD.c.until)
    query = select(_HELD.c.channel, _HELD.c.until, _DIGEST.c.posting_since).outerjoin(_DIGEST, same)
    query = query.where(_HELD.c.until <= now, _DIGEST.c.done_at.is_(None)).distinct()
    rows = await connection.execute(query.order_by(_HELD.c.until, _HELD.c.channel).limit(_AT_ONCE))
    return [QuietDigest(*row) for row in rows]


async def held(connection: AsyncConnection, digest: QuietDigest) -> list[str]:
    """The incidents that it names."""
    query = select(_HELD.c.incident_id).where(_HELD.c.channel == digest.channel, _HELD.c.until == digest.until)
    return list((await connection.execute(query)).scalars())


async def save(
    connection: AsyncConnection, digest: QuietDigest, posting_since: datetime | None, done_at: datetime | None = None
) -> None:
    row = {"channel": digest.channel, "until": digest.until, "posting_since": posting_since, "done_at": done_at}
    await upsert(connection, _DIGEST, [row])


async def forget(connection: AsyncConnection, before: datetime) -> None:
    """What was done long ago."""
    for table in (_HELD, _DIGEST):
        await connection.execute(delete(table).where(table.c.until < before))
