"""The backlog: how far the pipeline is behind, measured about once a second and not for every request."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog

from bot.domain.event import partition_of
from bot.errors import ConfigError, StorageUnavailable
from bot.inbox import offsets
from bot.inbox.inbox import Inbox
from bot.inbox.partitions import changed
from bot.observability.metrics import BACKLOG_FULL
from bot.storage.database import Database
from bot.storage.quiet import Quiet

EVERY = 1.0
RARELY = 10.0
SHARE = 0.2
"""Of the time looking may take at most, unless it would be too rare: counting millions of entries takes a while."""
BEHIND = timedelta(minutes=1)
CAUGHT_UP = timedelta(seconds=10)
MOST_WAITING = 1_000_000
ROOM_AGAIN = 0.9
"""A full backlog takes in more when this share of its bound waits."""
FIRST_RETRY, LAST_RETRY = 5, 300

log = structlog.get_logger(__name__)


class Waiting(msgspec.Struct, frozen=True):
    """How many entries wait; and by partition, where any do, when the oldest of them was received."""

    entries: int = 0
    since: Mapping[int, datetime] = {}

    @property
    def oldest(self) -> datetime | None:
        return min(self.since.values(), default=None)


async def look(database: Database, inbox: Inbox, partitions: int | None = None) -> Waiting:
    """What waits now. Raises StorageUnavailable; ConfigError where there are other partitions than so many."""
    async with database.read() as connection:
        positions = await offsets.positions(connection)
    if positions and partitions is not None and len(positions) != partitions:
        raise ConfigError(changed(len(positions), partitions))
    since = await inbox.partitions_behind(positions)
    return Waiting(await inbox.lag(positions) if since else 0, since)


class Backlog:
    """What waited when it was last looked at, and when that was. ``problem`` says why it could not be seen, None while
    it can.

    A partition is behind when its oldest entry has waited for ``BEHIND``, until that is ``CAUGHT_UP`` or less: what
    people see of it does not flicker.
    """

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        clock: Callable[[], datetime],
        partitions: int,
        most: int = MOST_WAITING,
    ) -> None:
        self._database, self._inbox = database, inbox
        self._clock = clock
        self._partitions = partitions
        self._most = most
        self._behind: set[int] = set()
        self._quiet = Quiet(database.commits, inbox.commits)
        self._full_since: datetime | None = None
        self.waiting = Waiting()
        self.looked_at = clock()
        self.problem: str | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self.look()
            await asyncio.sleep(min(max(EVERY, (loop.time() - began) / SHARE), RARELY))

    async def look(self) -> None:
        """Where the database does not answer, what was seen last stands, and grows older.

        Raises ConfigError where the number of partitions was changed: what this process takes in nobody would look for.
        """
        try:
            if not self._quiet.lasts:
                self._quiet.begin()
                self.waiting = await look(self._database, self._inbox, self._partitions)
                if not self.waiting.since:
                    self._quiet.found_nothing()
        except StorageUnavailable as error:
            if self.problem is None:
                log.warning("backlog.unknown", reason=str(error))
            self.problem = str(error)
        else:
            self.problem = None
        self.looked_at = self._clock()
        self._note(self.looked_at)

    def _note(self, now: datetime) -> None:
        since = self.waiting.since
        bounds = {partition: CAUGHT_UP if partition in self._behind else BEHIND for partition in since}
        self._behind = {partition for partition, bound in bounds.items() if now - since[partition] > bound}
        if self.waiting.entries >= self._most:
            if self._full_since is None:
                log.error("backlog.full", entries=self.waiting.entries, most=self._most)
                self._full_since = now
                BACKLOG_FULL.set(1)
        elif self._full_since is not None and self.waiting.entries < self._most * ROOM_AGAIN:
            log.info("backlog.room_again", entries=self.waiting.entries)
            self._full_since = None
            BACKLOG_FULL.set(0)

    @property
    def age(self) -> timedelta:
        """How long the oldest entry has waited."""
        oldest = self.waiting.oldest
        return max(self._clock() - oldest, timedelta(0)) if oldest else timedelta(0)

    @property
    def caught_up(self) -> bool:
        """Whether no partition is behind."""
        return not self._behind

    def behind(self, domain: str | None = None) -> timedelta | None:
        """How far the partition of a correlation domain, or else the worst of all, is behind; None where it is not."""
        wanted = self._behind if domain is None else self._behind & {partition_of(domain, self._partitions)}
        since = [self.waiting.since[partition] for partition in wanted]
        return self._clock() - min(since) if since else None

    def retry_after(self) -> int | None:
        """None while there is room; else in how many seconds a sender shall come again.

        It grows with the time that the backlog is full: who comes again finds about as much time passed as before.
        """
        if self._full_since is None:
            return None
        full = int((self._clock() - self._full_since).total_seconds())
        return min(max(full, FIRST_RETRY), LAST_RETRY)
