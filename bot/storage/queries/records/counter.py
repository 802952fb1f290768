"""Counters by name that leave no number out: who counts holds up all others who do, until its transaction ends."""

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.prepared import fetch_rows
from bot.storage.tables.core import CounterRow

_COUNTER = table_of(CounterRow)
_TAKE = (
    update(_COUNTER)
    .where(_COUNTER.c.name == bindparam("of"))
    .values(value=_COUNTER.c.value + bindparam("more"))
    .returning(_COUNTER.c.value)
)


async def take(connection: AsyncConnection, name: str, count: int) -> int:
    """Count on; returns the last of so many numbers."""
    values = {"of": name, "more": count}
    taken = await fetch_rows(connection, _TAKE, values)
    if not taken:  # nobody has counted before
        await insert_missing(connection, _COUNTER, [{"name": name, "value": 0}])
        taken = await fetch_rows(connection, _TAKE, values)
    [(last,)] = taken
    return int(last)
