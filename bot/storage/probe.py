"""Whether the databases take a write now: tried, and not concluded from what happened to be written."""

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageUnavailable
from bot.storage.database import Database, table_of, upsert
from bot.storage.tables.core import CounterRow

SECONDS = 4.0
_AGAIN_AFTER = 1.0
"""Seconds for which an answer holds: whoever asks often does not make the disk busy."""
_COUNTER = table_of(CounterRow)


class StorageProbe:
    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._lock = asyncio.Lock()
        self._tried_at = float("-inf")
        self._problem: str | None = None

    async def check(self) -> None:
        """Raises StorageUnavailable where one of them takes no write within ``SECONDS``."""
        async with self._lock:
            if time.monotonic() >= self._tried_at + _AGAIN_AFTER:
                self._problem = await self._try()
                self._tried_at = time.monotonic()
        if self._problem is not None:
            raise StorageUnavailable(self._problem)

    async def _try(self) -> str | None:
        try:
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*(probe(database) for database in self._databases))
        except StorageUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"the database took no write within {SECONDS:g} s"
        return None


async def probe(database: Database) -> None:
    """One small transaction that writes. Raises StorageUnavailable."""
    database.check_space()
    async with database.write() as connection:
        await _write(connection)


async def _write(connection: AsyncConnection) -> None:
    await upsert(connection, _COUNTER, [{"name": "probe", "value": int(time.time())}])
