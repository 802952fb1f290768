"""How often a language model was asked in an hour: counted for all replicas together."""

from datetime import UTC, datetime

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.tables.core import CounterRow

_COUNTER = table_of(CounterRow)
_PREFIX = "assistant "


async def take(connection: AsyncConnection, now: datetime, most: int) -> bool:
    """Count a request in the hour of ``now``; False where ``most`` were made already."""
    name = f"{_PREFIX}{now.astimezone(UTC):%Y-%m-%dT%H}"
    if await insert_missing(connection, _COUNTER, [{"name": name, "value": 0}]):
        before = (_COUNTER.c.name.startswith(_PREFIX, autoescape=True), _COUNTER.c.name < name)
        await connection.execute(delete(_COUNTER).where(*before))
    taken = update(_COUNTER).where(_COUNTER.c.name == name, _COUNTER.c.value < most)
    return (await connection.execute(taken.values(value=_COUNTER.c.value + 1))).rowcount == 1
