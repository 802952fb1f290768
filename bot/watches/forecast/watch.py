"""The watch over limits: an alert before a watched series crosses its own, one a group.

The forecast is :mod:`detectors.forecast`. What is learnt is in memory, by partition, with a snapshot five minutes after
a piece of it changed (:mod:`bot.watches.snapshots`).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import SamplesEvent
from bot.domain.rules import Rules
from bot.inbox import offsets
from bot.inbox.inbox import Entry
from bot.observability.metrics import FORECASTS_FIRING, SERIES_FORECAST
from bot.pipeline.batch import Batch
from bot.watches.forecast.learn import Learner
from bot.watches.forecast.memory import WATCH, Memory
from bot.watches.forecast.outcome import alerts_of, alerts_of_tick
from bot.watches.metrics.learn import Room
from bot.watches.snapshots import Changes, SnapshotStore
from bot.watches.ticks import Ticks

TICK = timedelta(minutes=1)


class ForecastWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``clock`` says which partitions are due for a tick."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._clock = clock
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, self._begin, self._replay)
        self._ticks = Ticks(TICK)
        self._room = Room(rules.metrics.most_series, self._count)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        memory = await self._snapshots.open(batch, connection, batch.position)
        if not any(isinstance(event, SamplesEvent) for _, event in batch.events()):
            self._snapshots.skip(batch)
            return
        learner = Learner(memory, self._rules, self._room)
        for entry in batch.entries:
            await learner.learn(entry)
        position = batch.entries[-1].seq
        for group in learner.touched.values():
            batch.findings += alerts_of(memory, group, self._rules, batch.now, position)
        await self._save(batch, connection, position)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        if batch.partition not in self.awaiting():
            return
        self._ticks.looked_after(batch.partition, batch.now)
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._snapshots.open(batch, connection, position)
        behind = await batch.inbox.next_seq(batch.partition, position) is not None
        batch.findings += alerts_of_tick(memory, self._rules, batch.now, position, behind)
        await self._save(batch, connection, position)

    async def save_all(self, batch: Batch, connection: AsyncConnection) -> None:
        await self._snapshots.save_all(batch, connection)

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {partition for partition in range(self._rules.partitions) if self._is_due(partition, now)}

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)

    async def _save(self, batch: Batch, connection: AsyncConnection, position: int) -> None:
        await self._snapshots.save(batch, connection, position)
        SERIES_FORECAST.set(self._count())
        groups = (group for memory in self._snapshots for group in memory.groups.values())
        FORECASTS_FIRING.set(sum(group.state.told is not None for group in groups))

    def _is_due(self, partition: int, now: datetime) -> bool:
        memory = self._snapshots.get(partition)
        if memory is None:  # what was learnt before a restart waits to be looked after
            return True
        return bool(memory.groups) and self._ticks.due(partition, now)

    def _count(self) -> int:
        return sum(len(memory.group_of) for memory in self._snapshots)

    def _begin(self, batch: Batch, changes: Changes) -> Memory:
        return Memory(self._rules, batch.now.timestamp(), changes)

    async def _replay(self, memory: Memory, entry: Entry, now: datetime) -> None:
        await Learner(memory, self._rules, self._room, replay=True).learn(entry)
