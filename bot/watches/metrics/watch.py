"""The watch over metrics: each series against its own past, members against their peers, one alert a group.

The detectors are in :mod:`detectors.anomaly` and :mod:`detectors.groups`; here is what they are fed with, what is kept
of them, and what is said. What is learnt is in memory, by partition. A snapshot of what changed is written five minutes
later, as of the position then; the mark says from where the inbox has to be read again behind the snapshots.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import SamplesEvent
from bot.domain.rules import Rules
from bot.inbox import offsets
from bot.inbox.inbox import Entry
from bot.observability.metrics import SERIES_WATCHED
from bot.pipeline.batch import Batch
from bot.pipeline.causes.histories import Histories
from bot.pipeline.causes.young_incidents import look_again
from bot.storage.queries import sensitivity
from bot.storage.queries import snapshots as detector_state
from bot.watches.metrics.learn import Learner, Room, group_for
from bot.watches.metrics.memory import WATCH, Memory
from bot.watches.metrics.outcome import settle
from bot.watches.metrics.tick import look_after

TICK = timedelta(seconds=15)

log = structlog.get_logger(__name__)


class MetricsWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``clock`` says which partitions are due for a tick."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._clock = clock
        self._memories: dict[int, Memory] = {}
        self._ticked_at: dict[int, datetime] = {}
        self._room = Room(rules.metrics.most_series, self._count)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        memory = await self._memory(batch, connection, batch.position)
        batch.histories = memory.histories
        if not any(isinstance(event, SamplesEvent) for _, event in batch.events()):
            memory.position = batch.entries[-1].seq if batch.entries else memory.position
            return
        factors = await sensitivity.factors(connection, self._rules.metrics.watch)
        learner = Learner(memory, self._rules, self._room, factors)
        for entry in batch.entries:
            await learner.learn(entry)
        position = memory.position = batch.entries[-1].seq
        for group in learner.touched.values():
            findings = settle(group, self._rules, batch.now)
            if findings:
                batch.findings += findings
                memory.group_changed(group, position, batch.now.timestamp(), urgent=True)
        await memory.save(connection, batch.partition, position, batch.now)
        SERIES_WATCHED.set(self._count())

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self._ticked_at[batch.partition] = batch.now
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._memory(batch, connection, position)
        batch.histories = memory.histories
        if memory.groups:
            behind = await batch.inbox.next_seq(batch.partition, position) is not None
            batch.findings += await look_after(memory, self._rules, batch.now, position, behind)
            await look_again(batch, connection)
        await memory.save(connection, batch.partition, position, batch.now)
        SERIES_WATCHED.set(self._count())

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {
            partition
            for partition in range(self._rules.partitions)
            if partition not in self._memories or self._is_due(partition, now)
        }

    def forget(self, partition: int) -> None:
        self._memories.pop(partition, None)

    def _is_due(self, partition: int, now: datetime) -> bool:
        ticked_at = self._ticked_at.get(partition)
        return bool(self._memories[partition].groups) and (ticked_at is None or not now - ticked_at < TICK)

    def _count(self) -> int:
        return sum(len(memory.group_of) for memory in self._memories.values())

    async def _memory(self, batch: Batch, connection: AsyncConnection, position: int) -> Memory:
        """What was learnt up to a position: from memory, or from the snapshots and what came after them."""
        known = self._memories.get(batch.partition)
        if known is not None and known.position == position:  # nobody else worked on the partition meanwhile
            return known
        memory = Memory(batch.now.timestamp(), position, Histories(self._rules))
        await memory.load(connection, batch.partition, lambda into, labels: group_for(self._rules, into, labels))
        self._memories[batch.partition] = memory
        mark = await detector_state.mark_of(connection, batch.partition, WATCH)
        memory.marked_at = position if mark is None else mark
        if mark is None:
            await detector_state.mark(connection, batch.partition, WATCH, position, batch.now)
        else:
            await self._replay(batch, memory, mark, position)
        return memory

    async def _replay(self, batch: Batch, memory: Memory, after: int, until: int) -> None:
        learner = Learner(memory, self._rules, self._room, factors={}, replay=True)
        while after < until:
            entries = await batch.inbox.entries_after(batch.partition, after, batch.limit)
            for entry in entries:
                if entry.seq <= until:
                    await _learn_again(learner, entry)
            after = entries[-1].seq if entries else until
        memory.as_of.clear()


async def _learn_again(learner: Learner, entry: Entry) -> None:
    """An entry that was set aside when it came first must not hold up what is behind it now."""
    try:
        await learner.learn(entry)
    except Exception as error:
        log.error("metrics.entry_left_out", seq=entry.seq, exc_info=error)
