"""The feed behind ``GET /api/events``: one reader of the database for all who listen, and a bounded memory."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from bot.errors import StorageUnavailable
from bot.storage.database import Database
from bot.storage.queries.listed.feed import Happening, happenings, newest_position
from bot.storage.queries.listed.gaps import Gaps

MOST_LISTENERS = 1000
MOST_KEPT = 2000
"""Happenings in memory; who is further behind is read from the database."""
_PAGE = 500
_EVERY, _SOON = 1.0, 0.1
_CATCHING_UP = 4

log = structlog.get_logger(__name__)


class Full(Exception):
    """So many listen already."""


class Feed:
    """It reads while anybody listens; ``wake`` lets it look at once."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._kept: deque[Happening] = deque(maxlen=MOST_KEPT)
        self._position: int | None = None
        self._gaps = Gaps(database.is_sqlite, monotonic)
        self.listeners = 0
        self._reading: asyncio.Task[None] | None = None
        self._woken, self._news = asyncio.Event(), asyncio.Event()
        self._catching_up = asyncio.Semaphore(_CATCHING_UP)
        self.closed = False

    @property
    def position(self) -> int:
        """Up to which everything is known that will ever be."""
        return self._position or 0

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """Everybody who listens learns that it is over."""
        self.closed = True
        self._tell()
        if self._reading is not None:
            self._reading.cancel()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Raises Full, StorageUnavailable."""
        if self.listeners >= MOST_LISTENERS:
            raise Full
        self.listeners += 1
        try:
            await self._begin()
            yield
        finally:
            self.listeners -= 1
            if not self.listeners and self._reading is not None:
                self._reading.cancel()
                self._reading, self._position = None, None
                self._kept.clear()

    async def after(self, position: int, seconds: float) -> list[Happening]:
        """What follows a position, a page at a time; nothing where nothing comes in so many seconds."""
        if position >= self.position and not self.closed:
            news = self._news
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await news.wait()
        if position >= self.position:
            return []
        if self._kept and self._kept[0].position <= position + 1:
            return [one for one in self._kept if one.position > position][:_PAGE]
        async with self._catching_up, self._database.read() as connection:
            return await happenings(connection, position, _PAGE, self.position)

    async def _begin(self) -> None:
        if self._position is None:
            async with self._database.read() as connection:
                newest = await newest_position(connection)
            self._position = newest if self._position is None else self._position
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            try:
                more = await self.look()
            except StorageUnavailable as error:
                log.warning("api.feed_waits", reason=str(error))
                more = False
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):
                        await self._woken.wait()
                self._woken.clear()
                await asyncio.sleep(_SOON)  # what is written together is read together

    async def look(self) -> bool:
        """Read what is new; whether there may be more."""
        async with self._database.read() as connection:
            found = await happenings(connection, self.position, _PAGE)
        sure = self._gaps.sure(found, self.position)
        if sure:
            self._kept.extend(sure)
            self._position = sure[-1].position
            self._tell()
        return len(found) == _PAGE and bool(sure)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
