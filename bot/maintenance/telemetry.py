"""Samples and log lines that were learnt from need not stay in the inbox: they are deleted, a few at a time."""

from datetime import timedelta
from typing import NamedTuple

from bot.domain.event import LlmEvent, LogsEvent, SamplesEvent
from bot.inbox import offsets
from bot.inbox.entries import ShortLived
from bot.services import Services
from bot.storage.queries import snapshots as detector_state
from bot.watches.logs import memory as watch_logs_memory
from bot.watches.metrics import memory as watch_metrics_memory

AT_ONCE = 500


class _Kind(NamedTuple):
    """One kind of event, the watch that learns from it (None where nobody does), and for how long it is kept."""

    event: ShortLived
    watch: str | None
    kept: timedelta


class TelemetryPruning:
    """Deletes what is older than ``metrics.keep_samples`` and ``logs.keep_lines`` and in the snapshots of the watch.

    It remembers how far each partition was looked through: alerts stay, and are passed once.
    """

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._inbox = services.inbox
        self._clock = services.clock
        self._looked_at: dict[tuple[type, int], int] = {}
        metrics, logs = services.rules.metrics, services.rules.logs
        self._kinds = (
            _Kind(SamplesEvent, watch_metrics_memory.WATCH if metrics.watch else None, metrics.keep_samples),
            _Kind(LlmEvent, None, metrics.keep_samples),
            _Kind(LogsEvent, watch_logs_memory.WATCH if logs.watch else None, logs.keep_lines),
        )

    async def prune(self) -> bool:
        """Look at the next entries of each partition; whether there may be more."""
        return any([await self._prune(kind) for kind in self._kinds])

    async def _prune(self, kind: _Kind) -> bool:
        before = self._clock() - kind.kept
        more = False
        for partition, until in (await self._learnt(kind.watch)).items():
            after = self._looked_at.get((kind.event, partition), 0)
            reached = await self._inbox.prune(kind.event, partition, after, until, before, AT_ONCE)
            self._looked_at[kind.event, partition] = reached
            more |= reached > after
        return more

    async def _learnt(self, watch: str | None) -> dict[int, int]:
        """How far each partition was worked through, and is in the snapshots of the watch."""
        async with self._database.read() as connection:
            positions = await offsets.positions(connection)
            if watch is None:
                return positions
            marks = await detector_state.marks(connection, watch)
        return {partition: min(mark, positions.get(partition, 0)) for partition, mark in marks.items()}
