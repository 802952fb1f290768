"""Samples and log lines that were learnt from need not stay in the inbox: they are deleted, a few at a time."""

from datetime import timedelta
from typing import NamedTuple

from bot.domain.event import LlmEvent, LogsEvent, SamplesEvent
from bot.inbox import offsets, partitions
from bot.inbox.entries import ShortLived
from bot.services import Services
from bot.storage.queries import snapshots as detector_state
from bot.watches.names import LOGS
from bot.watches.sampled import learning_from_samples

AT_ONCE = 500


class _Kind(NamedTuple):
    """One kind of event, the watches that learn from it, and for how long it is kept."""

    event: ShortLived
    watches: list[str]
    kept: timedelta


class TelemetryPruning:
    """Deletes what is older than ``metrics.keep_samples`` and ``logs.keep_lines`` and in the snapshots of the watches.

    It remembers how far each partition was looked through: alerts stay, and are passed once.
    """

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._inbox = services.inbox
        self._clock = services.clock
        self._looked_at: dict[tuple[type, int], int] = {}
        metrics, logs = services.rules.metrics, services.rules.logs
        self._kinds = (
            _Kind(SamplesEvent, learning_from_samples(metrics), metrics.keep_samples),
            _Kind(LlmEvent, [], metrics.keep_samples),
            _Kind(LogsEvent, [LOGS] if logs.watch else [], logs.keep_lines),
        )

    async def prune(self) -> bool:
        """Look at the next entries of each partition; whether there may be more."""
        return any([await self._prune(kind) for kind in self._kinds])

    async def _prune(self, kind: _Kind) -> bool:
        before = self._clock() - kind.kept
        more = False
        for partition, until in (await self._learnt(kind.watches)).items():
            after = self._looked_at.get((kind.event, partition), 0)
            reached = await self._inbox.prune(kind.event, partition, after, until, before, AT_ONCE)
            self._looked_at[kind.event, partition] = reached
            more |= reached > after
        return more

    async def _learnt(self, watches: list[str]) -> dict[int, int]:
        """How far each partition was worked through, and is in the snapshots of all these watches."""
        async with self._database.read() as connection:
            learnt = await offsets.positions(connection)
            for watch in watches:
                marks = await detector_state.marks(connection, watch)
                learnt = {partition: min(mark, learnt.get(partition, 0)) for partition, mark in marks.items()}
            return learnt | await partitions.retired(connection, self._inbox.identity)
