"""Samples that were learnt from need not stay in the inbox: they are deleted, a few at a time."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from bot.domain.rules import Rules
from bot.errors import StorageUnavailable
from bot.pipeline.watch_metrics_memory import WATCH
from bot.storage import detector_state, offsets
from bot.storage.database import Database
from bot.storage.inbox import Inbox

AT_ONCE = 500
_EVERY = 60.0
_BETWEEN = 0.05

log = structlog.get_logger(__name__)


class PruneSamples:
    """Deletes samples that are older than ``metrics.keep_samples`` and in the snapshots of the watch.

    ``looked_at`` is how far each partition was looked through: alerts stay, and are passed once.
    """

    def __init__(self, database: Database, inbox: Inbox, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._inbox = inbox
        self._rules = rules
        self._clock = clock
        self._looked_at: dict[int, int] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            more = False
            try:
                more = await self.prune()
            except StorageUnavailable as error:
                log.warning("prune.retry", reason=str(error))
            await asyncio.sleep(_BETWEEN if more else _EVERY)  # the doors write to the same file

    async def prune(self) -> bool:
        """Look at the next entries of each partition; whether there may be more."""
        before = self._clock() - self._rules.metrics.keep_samples
        more = False
        for partition, until in (await self._learnt()).items():
            after = self._looked_at.get(partition, 0)
            self._looked_at[partition] = await self._inbox.prune_samples(partition, after, until, before, AT_ONCE)
            more |= self._looked_at[partition] > after
        return more

    async def _learnt(self) -> dict[int, int]:
        """How far each partition was worked through, and is in the snapshots where metrics are watched."""
        async with self._database.read() as connection:
            positions = await offsets.positions(connection)
            if not self._rules.metrics.watch:
                return positions
            marks = await detector_state.marks(connection, WATCH)
        return {partition: min(mark, positions.get(partition, 0)) for partition, mark in marks.items()}
