"""The watch over metrics: each series against its own past, members against their peers, one alert a group.

The detectors are in :mod:`detectors.anomaly` and :mod:`detectors.groups`; here is what they are fed with, what is kept
of them, and which alerts follow. What is learnt is in memory, by partition, with a snapshot five minutes after a piece
of it changed (:mod:`bot.watches.snapshots`).
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import SamplesEvent
from bot.domain.rules import Rules
from bot.inbox import offsets
from bot.inbox.inbox import Entry
from bot.observability.metrics import SERIES_WATCHED
from bot.pipeline.batch import Batch
from bot.pipeline.causes.young_incidents import look_again
from bot.storage.queries import sensitivity, silences
from bot.watches.metrics.alerts import off_course
from bot.watches.metrics.group import Group
from bot.watches.metrics.learn import Learner, Room
from bot.watches.metrics.memory import WATCH, Memory
from bot.watches.metrics.outcome import alerts_after_batch, severity_for
from bot.watches.metrics.regimes import note_reasons, settle
from bot.watches.metrics.tick import alerts_of_tick
from bot.watches.quiet_times import QuietTimes
from bot.watches.snapshots import Changes, SnapshotStore
from bot.watches.ticks import Ticks
from detectors.rootcause.history import History

TICK = timedelta(seconds=15)
_LATE = timedelta(minutes=10)
"""Samples of so long ago still come in: a silence that has just ended covers them."""


class MetricsWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``clock`` says which partitions are due for a tick, ``shown`` lets others
    of this process see the histories of services, by partition."""

    def __init__(
        self,
        rules: Rules,
        clock: Callable[[], datetime],
        shown: MutableMapping[int, Mapping[str, History]] | None = None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, self._begin, self._replay)
        self._ticks = Ticks(TICK)
        self._shown = {} if shown is None else shown
        self._room = Room(rules.metrics.most_series, self._count)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        memory = await self._snapshots.open(batch, connection, batch.position)
        batch.histories = memory.histories
        self._shown[batch.partition] = memory.histories.by_name
        if not any(isinstance(event, SamplesEvent) for _, event in batch.events()):
            self._snapshots.skip(batch)
            return
        factors = await sensitivity.factors(connection, self._rules.metrics.watch)
        quiet = QuietTimes(await silences.not_ended(connection, batch.now - _LATE), self._rules)
        learner = Learner(memory, self._rules, self._room, factors, quiet)
        for entry in batch.entries:
            await learner.learn(entry)
        position = batch.entries[-1].seq
        await note_reasons(connection, _begun(learner.touched.values()), self._rules, batch.now)
        for group in learner.touched.values():
            settle(memory, group, self._rules, position, batch.now)
            alerts = alerts_after_batch(group, self._rules, batch.now)
            if alerts:
                batch.findings += alerts
                memory.group_changed(group, position, batch.now.timestamp(), urgent=True)
        await self._snapshots.save(batch, connection, position)
        SERIES_WATCHED.set(self._count())

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self._ticks.looked_after(batch.partition, batch.now)
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._snapshots.open(batch, connection, position)
        batch.histories = memory.histories
        self._shown[batch.partition] = memory.histories.by_name
        if memory.groups:
            await self._look_for_reasons(memory, batch, connection, position)
            behind = await batch.inbox.next_seq(batch.partition, position) is not None
            batch.findings += await alerts_of_tick(memory, self._rules, batch.now, position, behind)
            await look_again(batch, connection)
        await self._snapshots.save(batch, connection, position)
        SERIES_WATCHED.set(self._count())

    async def _look_for_reasons(self, memory: Memory, batch: Batch, connection: AsyncConnection, position: int) -> None:
        """Changes that were reported after what they are the reason of."""
        for group in await note_reasons(connection, memory.groups.values(), self._rules, batch.now):
            if group.state.off_course and group.off():
                labels = self._rules.correlation.service_labels
                severity = severity_for(group, self._rules)
                batch.findings.append(off_course(group, group.state.off_course, severity, labels))
            memory.group_changed(group, position + 1, batch.now.timestamp(), urgent=True)

    async def save_all(self, batch: Batch, connection: AsyncConnection) -> None:
        await self._snapshots.save_all(batch, connection)

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {partition for partition in range(self._rules.partitions) if self._is_due(partition, now)}

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)
        self._shown.pop(partition, None)

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
        quiet = QuietTimes((), self._rules)
        await Learner(memory, self._rules, self._room, {}, quiet, replay=True).learn(entry)


def _begun(groups: Iterable[Group]) -> list[Group]:
    """Those of which an alert is about to be raised."""
    return [one for one in groups if one.state.off_course is not None and not one.state.off_course.reported]
