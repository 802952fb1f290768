"""The watch over applications of language models: one alert for each measure that is not as it was.

The test is :mod:`detectors.shift`. It counts calls and not minutes: an application with few calls learns as well as one
with many, and silence is no news. All that is learnt is saved in the transaction of the batch that brings it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, EndedBy, LlmEvent
from bot.domain.rules import Rules
from bot.inbox import offsets
from bot.pipeline.batch import Batch
from bot.watches.llm import alerts
from bot.watches.llm.course import ACCEPTED_AFTER, FORGOTTEN_AFTER, Course
from bot.watches.llm.memory import WATCH, Memory
from bot.watches.snapshots import Changes, SnapshotStore
from bot.watches.ticks import Ticks

TICK = timedelta(minutes=1)
_LOADED_AFTER = timedelta(minutes=1)
"""What fired before a restart is looked after from then on, at a time when nothing else begins."""


class LlmWatch:
    """See :class:`bot.pipeline.watch.Watch`."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._clock = clock
        self._began: datetime | None = None
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, self._begin)
        self._ticks = Ticks(TICK)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        mine = [event for _, event in batch.events() if isinstance(event, LlmEvent)]
        if not mine:
            self._snapshots.skip(batch)
            return
        memory = await self._snapshots.open(batch, connection, batch.position)
        position = batch.entries[-1].seq
        for event in mine:
            service = batch.about(event.labels).service
            if service:
                for name in sorted(memory.observe(event, service, position)):
                    batch.findings += self._alerts_of(memory.courses[name], batch.now)
        await self._snapshots.save(batch, connection, position)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        if batch.partition not in self.awaiting():
            return
        self._ticks.looked_after(batch.partition, batch.now)
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._snapshots.open(batch, connection, position)
        seconds = batch.now.timestamp()
        for name, course in list(memory.courses.items()):
            if course.fires_since and seconds - course.fires_since > ACCEPTED_AFTER:
                why = "it has been so for a day: that is usual now"
                batch.findings += self._end(course, batch.now, why, EndedBy.NEW_REFERENCE)
                course.accept()
                memory.changed(name, position)
            elif seconds - course.seen_at > FORGOTTEN_AFTER:
                memory.forget(name)
        await self._snapshots.save(batch, connection, position)

    def awaiting(self) -> set[int]:
        now = self._clock()
        self._began = self._began or now
        return {partition for partition in range(self._rules.partitions) if self._is_due(partition, now)}

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)

    def _is_due(self, partition: int, now: datetime) -> bool:
        memory = self._snapshots.get(partition)
        if memory is None:
            return partition not in self._ticks and self._began is not None and now - self._began >= _LOADED_AFTER
        return bool(memory.courses) and self._ticks.due(partition, now)

    def _alerts_of(self, course: Course, now: datetime) -> list[AlertEvent]:
        """What begins or ends to fire."""
        if course.is_off and not course.fires_since:
            course.fires_since = min(course.began, now.timestamp())
            return [alerts.firing(course, self._rules.llm.severity)]
        if course.fires_since and not course.is_off:
            return self._end(course, now, "it is as usual again", EndedBy.SENDER)
        return []

    def _end(self, course: Course, now: datetime, why: str, ended_by: EndedBy) -> list[AlertEvent]:
        found = [alerts.resolved(course, self._rules.llm.severity, now, why, ended_by)]
        course.fires_since = 0.0
        return found

    def _begin(self, _: Batch, changes: Changes) -> Memory:
        return Memory(self._rules, changes)
