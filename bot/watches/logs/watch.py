"""The watch over logs: lines become templates, and how templates come becomes alerts, few and right.

The detectors are in :mod:`detectors.logs`; here is what they are fed with, what is kept
of them, and which alerts follow.

``one_false_alarm_in`` of a group is kept to in four ways. The chance that a window's counts, or its errors, are found
abnormal though they are not is the window's share of that time, divided by the number of templates that are looked at
(:class:`detectors.logs.Stream`); a count must also lie well outside all that came in the last days
(:meth:`detectors.logs.baseline.Baseline.departs`). A new template is raised only where new ones are rare for the group
(:mod:`detectors.logs.novelty`). What was raised twice for a template within the time must be larger to be raised again,
and many templates at once are one alert (:class:`bot.watches.logs.group.Group`).
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
from bot.watches.logs.alerts import alert_of
from bot.watches.logs.group import Group, Notice
from bot.watches.logs.memory import WATCH, Memory
from bot.watches.snapshots import Changes, SnapshotStore
from bot.watches.ticks import Ticks

TICK = timedelta(seconds=5)
CHUNK = 500
"""Lines that are worked through before the event loop has a turn."""
PAGE = 50
"""Snapshots that are read at a time, or written with a batch where they can wait."""
CHANGED_WITHIN = timedelta(minutes=30)
UNOBSERVED = timedelta(minutes=2)
"""When no tick came for so long, nobody was there to see whether lines come."""


class LogsWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``clock`` says which partitions are due for a tick."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._clock = clock
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, self._begin, self._replay, PAGE, PAGE)
        self._ticks = Ticks(TICK)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        if not batch.entries:
            return
        memory = await self._open(batch, connection, batch.position)
        position = batch.entries[-1].seq
        for entry in batch.entries:
            for group, notices in await self._learn(memory, entry, batch.now):
                await self._raise(batch, connection, memory, group, notices, position)
        await self._snapshots.save(batch, connection, position)
        LOG_GROUPS_WATCHED.set(self._count())

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self._ticks.looked_after(batch.partition, batch.now)
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._open(batch, connection, position)
        await self._apply_sensitivity(connection, memory)
        if memory.groups and await batch.inbox.next_seq(batch.partition, position) is None:
            await self._let_time_pass(batch, connection, memory, position)
        await self._snapshots.save(batch, connection, position)
        LOG_GROUPS_WATCHED.set(self._count())

    async def save_all(self, batch: Batch, connection: AsyncConnection) -> None:
        await self._snapshots.save_all(batch, connection)

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {partition for partition in range(self._rules.partitions) if self._is_due(partition, now)}

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)

    def _is_due(self, partition: int, now: datetime) -> bool:
        memory = self._snapshots.get(partition)
        if memory is None:  # what was learnt before a restart waits to be looked after
            return True
        return bool(memory.groups) and self._ticks.due(partition, now)

    def _count(self) -> int:
        return sum(len(memory.groups) for memory in self._snapshots)

    async def _open(self, batch: Batch, connection: AsyncConnection, position: int) -> Memory:
        known = self._snapshots.is_current(batch.partition, position)
        memory = await self._snapshots.open(batch, connection, position)
        if not known:
            await self._apply_sensitivity(connection, memory)
        return memory

    def _begin(self, batch: Batch, changes: Changes) -> Memory:
        return Memory(self._rules, changes)

    async def _replay(self, memory: Memory, entry: Entry, now: datetime) -> None:
        """Learn what came behind the snapshots. Its alerts were raised in their time."""
        await self._learn(memory, entry, now, replay=True)

    async def _apply_sensitivity(self, connection: AsyncConnection, memory: Memory) -> None:
        """Make the groups less sensitive whose alerts people found not useful."""
        factors = await sensitivity.factors(connection, self._rules.logs.watch)
        for group in memory.groups.values() if factors or memory.has_factors else ():
            domain = domain_of(group.labels, self._rules.correlation.partition_by)
            group.allow_fewer_alarms(factors.get(WatchGroup(domain, group.watch, group.text), 1.0))
        memory.has_factors = bool(factors)

    async def _learn(
        self, memory: Memory, entry: Entry, now: datetime, replay: bool = False
    ) -> list[tuple[Group, list[Notice]]]:
        """Take in the lines of an entry; returns what begins or ends."""
        received = int(entry.received_at.timestamp() * 1000)
        found = []
        for event in entry.events:
            group = self._group_of(memory, event) if isinstance(event, LogsEvent) else None
            if group is None or not isinstance(event, LogsEvent) or (replay and memory.holds_of(group) >= entry.seq):
                continue
            if group.is_repetition(hash(tuple(event.lines))):
                LOG_LINES_LEFT_OUT.labels("repeated").inc(len(event.lines))
                continue
            group.last_seen, group.source = received, event.source
            group.note_service(event.service)
            memory.lines_came(group, entry.seq, now)
            sender = memory.sender_of(group)
            quiet = sender.is_quiet(received, memory.observed_since)
            sender.lines_came(received)
            notices = await self._add(group, event, received, replay, quiet)
            if notices:
                found.append((group, notices))
        return found

    def _group_of(self, memory: Memory, event: LogsEvent) -> Group | None:
        watch = self._rules.logs.watched_as(event.labels)
        if watch is None:
            return None
        names = dict.fromkeys([*self._rules.logs.watch[watch].by, *self._rules.correlation.partition_by])
        labels = {name: event.labels[name] for name in names if event.labels.get(name)}
        may_begin = self._count() < self._rules.logs.most_streams
        group = memory.group_of(watch, labels, may_begin)
        if group is None:
            LOG_LINES_LEFT_OUT.labels("too many groups").inc(len(event.lines))
        return group

    async def _add(self, group: Group, event: LogsEvent, received: int, replay: bool, quiet: bool) -> list[Notice]:
        notices: list[Notice] = []
        late = group.stream.late
        for begin in range(0, len(event.lines), CHUNK):
            group.stream.add(event.lines[begin : begin + CHUNK], received)
            for closed in group.stream.close(group.stream.clock()):
                notices += group.replay(closed) if replay else group.update(closed, quiet)
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        notices += group.turned()
        LOG_LINES_LEFT_OUT.labels("late").inc(group.stream.late - late)
        return notices

    async def _let_time_pass(self, batch: Batch, connection: AsyncConnection, memory: Memory, position: int) -> None:
        now = int(batch.now.timestamp() * 1000)
        unobserved = memory.ticked_at is None or batch.now - memory.ticked_at > UNOBSERVED
        memory.ticked_at = batch.now
        if unobserved:
            memory.observed_since = now
        forgotten_before = (batch.now - self._rules.logs.forget_after).timestamp() * 1000
        for group in list(memory.groups.values()):
            if group.last_seen < forgotten_before or group.watch not in self._rules.logs.watch:
                batch.findings += _alerts(group.resolve_all(now), group, [])
                memory.forget(group)
                continue
            if unobserved:
                group.stream.skip(now, UNOBSERVED // timedelta(milliseconds=1))
            notices: list[Notice] = []
            quiet = memory.sender_of(group).is_quiet(now, memory.observed_since)
            for closed in group.stream.close(group.stream.clock(now)):
                notices += group.update(closed, quiet)
                memory.time_passed(group, position, batch.now)
                await asyncio.sleep(0)
            notices += group.turned()
            if notices:
                await self._raise(batch, connection, memory, group, notices, position)
            await asyncio.sleep(0)
        await self._look_at_senders(batch, connection, memory, position)

    async def _look_at_senders(self, batch: Batch, connection: AsyncConnection, memory: Memory, position: int) -> None:
        """Where all of a sender stopped it is one alert; what stopped while the sender still sent is one of its own."""
        now = int(batch.now.timestamp() * 1000)
        for name, groups in memory.groups_by_sender().items():
            sender = memory.senders[name]
            alerts = sender.judge(groups, memory.observed_since, now)
            batch.findings += alerts
            if alerts:
                memory.sender_changed(sender, position)
            if not groups:
                memory.forget_sender(sender)
            sender.pause = min((group.pause for group in groups if group.pause), default=0)
            moment = sender.judged_at(groups, now)
            for group in groups:
                if sender.is_silent():
                    group.sender_is_silent()
                    continue
                notices = group.judge_held(moment, sender.resumed_at, now)
                if notices:
                    await self._raise(batch, connection, memory, group, notices, position)
            await asyncio.sleep(0)

    async def _raise(
        self,
        batch: Batch,
        connection: AsyncConnection,
        memory: Memory,
        group: Group,
        notices: Sequence[Notice],
        position: int,
    ) -> None:
        changed = []
        if any(one.status is AlertStatus.FIRING for one in notices):
            partition_by = self._rules.correlation.partition_by
            domains = domains_that_count(domain_of(group.labels, partition_by), partition_by)
            service = service_of(group.labels, self._rules.correlation.service_labels) or group.by_traces
            since = batch.now - CHANGED_WITHIN
            changed = await changes.between(connection, domains, [service], since, batch.now) if service else []
        batch.findings += _alerts(notices, group, changed)
        memory.firing_changed(group, position)


def _alerts(notices: Iterable[Notice], group: Group, changed: Sequence[Change]) -> list[AlertEvent]:
    return [alert_of(one, group, changed) for one in notices]
