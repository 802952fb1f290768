"""The inbox: what the doors acknowledged, in the order in which it was committed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Event, decode_events
from bot.errors import Conflict
from bot.storage.database import insert_missing, table_of
from bot.storage.tables import DeadLetterRow, InboxRow, OffsetRow

_INBOX = table_of(InboxRow)
_OFFSET = table_of(OffsetRow)
_APPEND_LOCK = 0x696E626F  # held to the commit: the order of seq is the order of commits
_CHUNK = 256


class NewEntry(msgspec.Struct, frozen=True):
    """Events of one delivery for one partition, encoded by ``encode_events``."""

    partition: int
    source: str
    received_at: datetime
    payload: bytes


class Entry(msgspec.Struct, frozen=True):
    seq: int
    received_at: datetime
    events: list[Event]


async def append(connection: AsyncConnection, entries: Sequence[NewEntry]) -> None:
    """Append entries in one statement per chunk, which lets the writer's thread run without Python in between.

    On PostgreSQL a lock is held to the commit, because a reader that saw seq 10 before seq 9 was
    committed would move its offset past 9 and lose it.
    """
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_APPEND_LOCK})")
    place = "(?,?,?,?)" if sqlite else "(%s,%s,%s,%s)"
    for start in range(0, len(entries), _CHUNK):
        chunk = entries[start : start + _CHUNK]
        values: list[object] = []
        for entry in chunk:
            at = entry.received_at.replace(tzinfo=None).isoformat(" ", "microseconds") if sqlite else entry.received_at
            values += (entry.partition, entry.source, at, entry.payload)
        places = ",".join([place] * len(chunk))
        await connection.exec_driver_sql(
            f"INSERT INTO inbox (partition, source, received_at, payload) VALUES {places}", tuple(values)
        )


async def prepare_partitions(connection: AsyncConnection, partitions: int) -> None:
    """Give every partition its offset."""
    await insert_missing(connection, _OFFSET, [{"partition": p, "position": 0} for p in range(partitions)])


async def position_of(connection: AsyncConnection, partition: int) -> int:
    """How far the partition has been worked through; the row stays locked to the end of the transaction."""
    position = select(_OFFSET.c.position).where(_OFFSET.c.partition == partition).with_for_update()
    return int((await connection.execute(position)).scalar_one())


async def advance(connection: AsyncConnection, partition: int, before: int, after: int) -> None:
    """Move the offset. Raises Conflict where somebody else has moved it."""
    result = await connection.execute(
        update(_OFFSET).where(_OFFSET.c.partition == partition, _OFFSET.c.position == before).values(position=after)
    )
    if result.rowcount != 1:
        raise Conflict(f"partition {partition} is no longer at {before}")


async def entries_after(connection: AsyncConnection, partition: int, position: int, limit: int) -> list[Entry]:
    """The next entries of a partition, in order."""
    rows = await connection.execute(
        select(_INBOX.c.seq, _INBOX.c.received_at, _INBOX.c.payload)
        .where(_INBOX.c.partition == partition, _INBOX.c.seq > position)
        .order_by(_INBOX.c.seq)
        .limit(limit)
    )
    return [Entry(seq, received_at, decode_events(payload)) for seq, received_at, payload in rows]


async def next_seq(connection: AsyncConnection, partition: int, position: int) -> int | None:
    """Where the next entry of a partition stands, without reading it."""
    behind = select(func.min(_INBOX.c.seq)).where(_INBOX.c.partition == partition, _INBOX.c.seq > position)
    seq = await connection.scalar(behind)
    return None if seq is None else int(seq)


async def set_aside(connection: AsyncConnection, partition: int, seq: int, error: str, now: datetime) -> None:
    """Note an entry that cannot be worked through, so that those behind it can."""
    row = {"seq": seq, "partition": partition, "at": now, "error": error}
    await insert_missing(connection, table_of(DeadLetterRow), [row])


async def count_set_aside(connection: AsyncConnection) -> int:
    return await connection.scalar(select(func.count()).select_from(table_of(DeadLetterRow))) or 0


async def partitions_behind(connection: AsyncConnection) -> list[int]:
    """The partitions with entries that nobody has worked through."""
    waiting = select(_INBOX.c.seq).where(_INBOX.c.partition == _OFFSET.c.partition, _INBOX.c.seq > _OFFSET.c.position)
    rows = await connection.execute(select(_OFFSET.c.partition).where(waiting.exists()).order_by(_OFFSET.c.partition))
    return [partition for (partition,) in rows]


async def lag(connection: AsyncConnection) -> int:
    """How many entries wait to be worked through."""
    waiting = (
        select(func.count())
        .select_from(_OFFSET.join(_INBOX, _INBOX.c.partition == _OFFSET.c.partition))
        .where(_INBOX.c.seq > _OFFSET.c.position)
    )
    return await connection.scalar(waiting) or 0
