"""The watch over logs: lines become templates, and how templates come becomes alerts, few and right.

The detectors are in :mod:`detectors.logs`; here is what they are fed with, what is kept of them, and what is said.

``one_false_alarm_in`` of a group is kept to in four ways. The chance that a window's counts, or its errors, are found
abnormal though they are not is the window's share of that time, divided by the number of templates that are looked at
(:class:`detectors.logs.Stream`); a count must also lie well outside all that came in the last days
(:meth:`detectors.logs.baseline.Baseline.departs`). A new template is told only where new ones are rare for the group
(:mod:`detectors.logs.novelty`). What was told of a template twice within the time must be larger to be told again, and
many templates at once are one alert (:class:`bot.watches.logs.group.Group`).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import Change, domains_that_count
from bot.domain.event import AlertEvent, AlertStatus, LogsEvent, domain_of, service_of
from bot.domain.rules import Rules
from bot.domain.watched.sensitivity import WatchGroup
from bot.inbox import offsets
from bot.inbox.inbox import Entry
from bot.observability.metrics import LOG_GROUPS_WATCHED, LOG_LINES_LEFT_OUT
from bot.pipeline.batch import Batch
from bot.storage.queries import changes, sensitivity
from bot.storage.queries import snapshots as detector_state
from bot.watches.logs.alerts import alert_of
from bot.watches.logs.group import Group, Told
from bot.watches.logs.memory import WATCH, Memory

TICK = timedelta(seconds=5)
BITE = 500
"""Lines that are worked through before others have their turn."""
CHANGED_WITHIN = timedelta(minutes=30)
UNOBSERVED = timedelta(minutes=2)
"""When no tick came for so long, nobody was there to see whether lines come."""


class LogsWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``clock`` says which partitions are due for a tick."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._clock = clock
        self._memories: dict[int, Memory] = {}
        self._ticked_at: dict[int, datetime] = {}

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        if not batch.entries:
            return
        memory = await self._memory(batch, connection, batch.position)
        position = batch.entries[-1].seq
        for entry in batch.entries:
            for group, told in await self._learn(memory, entry, batch.now):
                await self._tell(batch, connection, memory, group, told, position)
        await memory.save(connection, batch.partition, position, batch.now)
        LOG_GROUPS_WATCHED.set(self._count())

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self._ticked_at[batch.partition] = batch.now
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._memory(batch, connection, position)
        await self._heed(connection, memory)
        if memory.groups and await batch.inbox.next_seq(batch.partition, position) is None:
            await self._let_time_pass(batch, connection, memory, position)
        await memory.save(connection, batch.partition, position, batch.now)
        LOG_GROUPS_WATCHED.set(self._count())

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {partition for partition in range(self._rules.partitions) if self._is_due(partition, now)}

    def forget(self, partition: int) -> None:
        self._memories.pop(partition, None)

    def _is_due(self, partition: int, now: datetime) -> bool:
        memory, ticked_at = self._memories.get(partition), self._ticked_at.get(partition)
        if memory is None:  # what was learnt before a restart waits to be looked after
            return True
        return bool(memory.groups) and (ticked_at is None or not timedelta(0) <= now - ticked_at < TICK)

    def _count(self) -> int:
        return sum(len(memory.groups) for memory in self._memories.values())

    async def _memory(self, batch: Batch, connection: AsyncConnection, position: int) -> Memory:
        """What was learnt up to a position: from memory, or from the snapshots and what came after them."""
        known = self._memories.get(batch.partition)
        if known is not None:
            return known
        memory = Memory()
        await memory.load(connection, batch.partition, self._rules)
        await self._heed(connection, memory)
        self._memories[batch.partition] = memory
        mark = await detector_state.mark_of(connection, batch.partition, WATCH)
        if mark is None:
            await detector_state.mark(connection, batch.partition, WATCH, position, batch.now)
        else:
            await self._replay(batch, memory, mark, position)
        return memory

    async def _heed(self, connection: AsyncConnection, memory: Memory) -> None:
        """Bring what people said of alerts to the groups that raised them."""
        factors = await sensitivity.factors(connection, self._rules.logs.watch)
        for group in memory.groups.values() if factors or memory.heeded else ():
            domain = domain_of(group.labels, self._rules.correlation.partition_by)
            group.be_rarer(factors.get(WatchGroup(domain, group.watch, group.text), 1.0))
        memory.heeded = bool(factors)

    async def _replay(self, batch: Batch, memory: Memory, after: int, until: int) -> None:
        """Learn what came behind the snapshots. What there was to say of it was said in its time."""
        while after < until:
            entries = await batch.inbox.entries_after(batch.partition, after, batch.limit)
            for entry in entries:
                if entry.seq <= until:
                    await self._learn(memory, entry, batch.now, again=True)
            after = entries[-1].seq if entries else until
        memory.as_of.clear()

    async def _learn(
        self, memory: Memory, entry: Entry, now: datetime, again: bool = False
    ) -> list[tuple[Group, list[Told]]]:
        """Take in the lines of an entry; returns what there is to say."""
        received = int(entry.received_at.timestamp() * 1000)
        found = []
        for event in entry.events:
            group = self._group_of(memory, event) if isinstance(event, LogsEvent) else None
            if group is None or not isinstance(event, LogsEvent) or (again and memory.position_of(group) >= entry.seq):
                continue
            if group.is_repetition(hash(tuple(event.lines))):
                LOG_LINES_LEFT_OUT.labels("repeated").inc(len(event.lines))
                continue
            group.heard_at = received
            memory.note_lines(group, entry.seq, now)
            told = await self._add(group, event, received, again)
            if told:
                found.append((group, told))
        return found

    def _group_of(self, memory: Memory, event: LogsEvent) -> Group | None:
        watch = self._rules.logs.watched_as(event.labels)
        if watch is None:
            return None
        names = dict.fromkeys([*self._rules.logs.watch[watch].by, *self._rules.correlation.partition_by])
        labels = {name: event.labels[name] for name in names if event.labels.get(name)}
        may_begin = self._count() < self._rules.logs.most_streams
        group = memory.group_of(watch, labels, self._rules, may_begin)
        if group is None:
            LOG_LINES_LEFT_OUT.labels("too many groups").inc(len(event.lines))
        return group

    async def _add(self, group: Group, event: LogsEvent, received: int, again: bool) -> list[Told]:
        told: list[Told] = []
        late = group.stream.late
        for begin in range(0, len(event.lines), BITE):
            group.stream.add(event.lines[begin : begin + BITE], received)
            for closed in group.stream.close(group.stream.clock()):
                told += group.remember(closed) if again else group.follow(closed)
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        LOG_LINES_LEFT_OUT.labels("late").inc(group.stream.late - late)
        return told

    async def _let_time_pass(self, batch: Batch, connection: AsyncConnection, memory: Memory, position: int) -> None:
        now = int(batch.now.timestamp() * 1000)
        unobserved = memory.ticked_at is None or batch.now - memory.ticked_at > UNOBSERVED
        memory.ticked_at = batch.now
        forgotten_before = (batch.now - self._rules.logs.forget_after).timestamp() * 1000
        for group in list(memory.groups.values()):
            if group.heard_at < forgotten_before or group.watch not in self._rules.logs.watch:
                batch.findings += _alerts(group.give_up(now), group, [])
                memory.forget(group)
                continue
            if unobserved:
                group.stream.skip(now, UNOBSERVED // timedelta(milliseconds=1))
            told: list[Told] = []
            for closed in group.stream.close(group.stream.clock(now)):
                told += group.follow(closed)
                memory.note_silence(group, position, batch.now)
                await asyncio.sleep(0)
            if told:
                await self._tell(batch, connection, memory, group, told, position)
            await asyncio.sleep(0)

    async def _tell(
        self,
        batch: Batch,
        connection: AsyncConnection,
        memory: Memory,
        group: Group,
        told: Sequence[Told],
        position: int,
    ) -> None:
        changed = []
        if any(one.status is AlertStatus.FIRING for one in told):
            partition_by = self._rules.correlation.partition_by
            domains = domains_that_count(domain_of(group.labels, partition_by), partition_by)
            service = service_of(group.labels, self._rules.correlation.service_labels)
            since = batch.now - CHANGED_WITHIN
            changed = await changes.between(connection, domains, [service], since, batch.now) if service else []
        batch.findings += _alerts(told, group, changed)
        memory.note_told(group, position)


def _alerts(told: Iterable[Told], group: Group, changed: Sequence[Change]) -> list[AlertEvent]:
    return [alert_of(one, group, changed) for one in told]
