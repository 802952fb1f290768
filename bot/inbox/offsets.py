"""Offsets: how far each partition of the inbox has been processed, stored with the state that came of it."""

from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Conflict
from bot.storage.database import insert_missing, table_of
from bot.storage.prepared import fetch_rows, perform
from bot.storage.tables.core import DeadLetterRow, OffsetRow

_OFFSET = table_of(OffsetRow)
_SET_ASIDE = select(func.count()).select_from(table_of(DeadLetterRow))
_OWNER = select(_OFFSET.c.inbox).order_by(_OFFSET.c.partition).limit(1)
_POSITIONS = select(_OFFSET.c.partition, _OFFSET.c.position)
_LOCKED = select(_OFFSET.c.position).where(_OFFSET.c.partition == bindparam("of")).with_for_update()
_ADVANCE = (
    update(_OFFSET)
    .where(_OFFSET.c.partition == bindparam("of"), _OFFSET.c.position == bindparam("before"))
    .values(position=bindparam("after"))
)


async def prepare(connection: AsyncConnection, partitions: int, inbox: str = "database", position: int = 0) -> None:
    """Give every partition its offset in the inbox of this identity."""
    rows = [{"partition": p, "position": position, "inbox": inbox} for p in range(partitions)]
    await insert_missing(connection, _OFFSET, rows)


async def owner(connection: AsyncConnection) -> str | None:
    """The identity of the inbox that the offsets belong to; None where there are none yet."""
    return await connection.scalar(_OWNER)


async def positions(connection: AsyncConnection) -> dict[int, int]:
    """How far each partition has come."""
    return {partition: position for partition, position in await fetch_rows(connection, _POSITIONS, {})}


async def position_of(connection: AsyncConnection, partition: int) -> int:
    """How far a partition has come; the row stays locked to the end of the transaction."""
    [(position,)] = await fetch_rows(connection, _LOCKED, {"of": partition})
    return int(position)


async def lock(connection: AsyncConnection, partition: int) -> None:
    """Let nobody else work on a partition before the transaction ends; one that has no offset has no pipeline."""
    await connection.execute(_LOCKED, {"of": partition})


async def advance(connection: AsyncConnection, partition: int, before: int, after: int) -> None:
    """Move the offset. Raises Conflict where somebody else has moved it."""
    if await perform(connection, _ADVANCE, {"of": partition, "before": before, "after": after}) != 1:
        raise Conflict(f"partition {partition} is no longer at {before}")


async def set_aside(connection: AsyncConnection, partition: int, seq: int, error: str, now: datetime) -> None:
    """Note an entry that cannot be worked through, so that those behind it can."""
    row = {"seq": seq, "partition": partition, "at": now, "error": error}
    await insert_missing(connection, table_of(DeadLetterRow), [row])


async def count_set_aside(connection: AsyncConnection) -> int:
    return await connection.scalar(_SET_ASIDE) or 0
