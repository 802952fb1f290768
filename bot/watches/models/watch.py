"""The watch over models: the quality and drift of their inputs and outputs, and how well they do.

``take`` only takes note of what came; the checks that are due are jobs beside the worker, so that no transaction waits
for them and no alert is held up. What a finished job found goes into the next batch or tick, with its state, in one
transaction: after a crash, or where that transaction fails, the job is done again from the same beginning.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import RowsEvent, RowsKind, domain_of, partition_of
from bot.domain.rules import Rules
from bot.domain.watched.monitor import MonitorRules, WatchedModel
from bot.inbox import offsets
from bot.model_store import batches as model_data
from bot.model_store import checks as made_checks
from bot.model_store.frames import Frames
from bot.observability.metrics import MONITORS_UNCHECKED
from bot.pipeline.batch import Batch
from bot.storage.database import Database
from bot.watches.models.alibi.process import Alibi
from bot.watches.models.job import Checks, Due, Result, holds_of
from bot.watches.models.memory import (
    WATCH,
    Key,
    Memory,
    ModelCursor,
    ModelOverview,
    Moment,
    Waiting,
    overview_of,
    place_of,
)
from bot.watches.models.outcome import apply_results, check_freshness, check_overdue
from bot.watches.models.versions.data import with_data
from bot.watches.snapshots import Changes, SnapshotStore
from bot.watches.ticks import Ticks

TICK = timedelta(seconds=15)
_PAGE = 5_000
AT_ONCE = 4
"""Models that are checked at the same time: each takes a connection, and its window's rows are in memory."""
CHECK = "check"
"""The broadcast to the other replicas: a person wants a model checked."""

Job = asyncio.Task[list[Result]]
JobKey = tuple[int, Key]
"""A partition, and a model in a domain."""
log = structlog.get_logger(__name__)


class ModelsWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``broadcast`` reaches the other replicas."""

    def __init__(
        self,
        rules: Rules,
        clock: Callable[[], datetime],
        database: Database,
        frames: Frames,
        alibi: Alibi | None = None,
        broadcast: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._broadcast = broadcast
        self._alibi = alibi or Alibi()
        self._checks = Checks(database, frames, self._alibi)
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, self._begin)
        self._jobs: dict[JobKey, Job] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._ticks = Ticks(TICK)
        self._wanted: set[JobKey] = set()

    def _begin(self, _: Batch, changes: Changes) -> Memory:
        return Memory(changes, self._rules.correlation.partition_by)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        came = {(one.model, self._domain(one)): one for _, one in batch.events() if isinstance(one, RowsEvent)}
        mine = [event for (model, _), event in came.items() if self._monitors(model)]
        if not mine:
            self._snapshots.skip(batch)
            return
        memory = await self._open(batch, connection, batch.position)
        at = Moment(batch.entries[-1].seq, batch.now)
        for event in mine:
            await self._note(memory, event, at, connection)
        await self._collect(memory, batch, at, connection)
        await made_checks.add(connection, memory.take_made())
        await self._snapshots.save(batch, connection, at.position)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._open(batch, connection, position)
        at = Moment(position, batch.now)
        self._ticks.looked_after(batch.partition, batch.now)
        await self._expect_models(memory, batch, at, connection)
        await self._collect(memory, batch, at, connection)
        await made_checks.add(connection, memory.take_made())
        for cursor in memory.cursors.values():
            if self._monitors(cursor.model):
                overview = await self.overview_of(connection, cursor.model) if cursor.newest_at is None else None
                elsewhere = overview is not None and overview.newest_at is not None
                batch.findings += check_freshness(memory, cursor, self._rules, at, elsewhere)
                batch.findings += check_overdue(memory, cursor, self._rules, at, elsewhere)
        self._count_unchecked()
        await self._snapshots.save(batch, connection, position)
        self._launch(memory, batch)

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {
            partition
            for partition in range(self._rules.partitions)
            if (memory := self._snapshots.get(partition)) is None or self._is_due(partition, memory, now)
        }

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)
        for key in [key for key in self._jobs if key[0] == partition]:
            self._jobs.pop(key).cancel()

    def request_checks(self, model: str) -> None:
        """:meth:`check_now`, on whichever replicas have the model's data."""
        self.check_now(model)
        self._broadcast(f"{CHECK} {model}")

    def check_now(self, model: str) -> None:
        """Check what came of a model since its last checks, however little, where this replica has its data."""
        for partition in range(self._rules.partitions):
            memory = self._snapshots.get(partition)
            self._wanted |= {(partition, key) for key in (memory.cursors if memory else ()) if key[0] == model}

    async def overview_of(self, connection: AsyncConnection, model: str) -> ModelOverview:
        """What came of a model and the last results of its monitors, whichever replicas work on it."""
        return await overview_of(connection, model, self._rules.partitions)

    @property
    def models(self) -> Mapping[str, WatchedModel]:
        """The models of tandem.yaml by name."""
        return self._rules.models

    async def finish(self) -> None:
        """Wait for the jobs that run now; what they found is taken up by the next tick."""
        if self._jobs:
            await asyncio.wait(self._jobs.values())

    async def close(self) -> None:
        """Stop the jobs and the engine's worker: what was not finished is done again."""
        for job in self._jobs.values():
            job.cancel()
        await self.finish()
        self._jobs.clear()
        await self._alibi.close()

    def _domain(self, event: RowsEvent) -> str:
        return domain_of(event.labels, self._rules.correlation.partition_by)

    def _monitors(self, model: str) -> Mapping[str, MonitorRules]:
        known = self._rules.models.get(model)
        return known.monitors if known else {}

    async def _open(self, batch: Batch, connection: AsyncConnection, position: int) -> Memory:
        if not self._snapshots.is_current(batch.partition, position):
            self.forget(batch.partition)  # with the jobs, which began from what may no longer be so
        return await self._snapshots.open(batch, connection, position)

    async def _note(self, memory: Memory, event: RowsEvent, at: Moment, connection: AsyncConnection) -> None:
        """Take note of the batches of a model that are new in its overview."""
        domain = self._domain(event)
        known = memory.cursors.get((event.model, domain))
        cursor = known or ModelCursor(event.model, dict(event.labels), at.now, domain=domain)
        cursor = msgspec.structs.replace(cursor, labels=dict(event.labels), waiting=dict(cursor.waiting))
        rules = self._monitors(event.model)
        while kept := await model_data.rows_after(connection, event.model, cursor.seq, _PAGE, domain=domain):
            for one in kept:
                cursor.seq = one.seq
                if one.holds is not RowsKind.LABELS and one.rows:
                    cursor.newest_at = max(cursor.newest_at or one.received_at, one.received_at)
                for name, monitor in rules.items():
                    if holds_of(self._rules.models[event.model], monitor) is one.holds:
                        before = cursor.waiting.get(name) or Waiting(one.seq - 1)
                        since = before.since or (one.received_at if one.rows else None)
                        cursor.waiting[name] = Waiting(before.seq, before.rows + one.rows, since)
        memory.cursor_changed(cursor, at.position)

    async def _expect_models(self, memory: Memory, batch: Batch, at: Moment, connection: AsyncConnection) -> None:
        """Models that never sent anything are looked after in the domain of events that name none."""
        partition_by = self._rules.correlation.partition_by
        if batch.partition != partition_of(domain_of({}, partition_by), self._rules.partitions):
            return
        for name, model in self._rules.models.items():
            expected = any(monitor.data_every for monitor in model.monitors.values())
            known = any(model == name for model, _ in memory.cursors)
            if expected and not known and not (await self.overview_of(connection, name)).cursors:
                memory.cursor_changed(ModelCursor(name, {}, batch.now), at.position)

    def _count_unchecked(self) -> None:
        monitors = [
            memory.monitor(cursor.model, name, cursor.domain)
            for memory in self._snapshots
            for cursor in memory.cursors.values()
            for name in self._monitors(cursor.model)
        ]
        MONITORS_UNCHECKED.set(sum(not state.is_checked for state in monitors))

    async def _collect(self, memory: Memory, batch: Batch, at: Moment, connection: AsyncConnection) -> None:
        """What finished jobs found becomes state and findings."""
        for key in [key for key, job in self._jobs.items() if key[0] == batch.partition and job.done()]:
            job, cursor = self._jobs.pop(key), memory.cursors.get(key[1])
            if job.cancelled() or cursor is None:
                continue
            if (error := job.exception()) is not None:
                log.warning("models.job_again", model=cursor.model, reason=repr(error))
                continue
            found = apply_results(memory, cursor, self._rules, job.result(), at)
            batch.findings += await with_data(batch, connection, found)

    def _launch(self, memory: Memory, batch: Batch) -> None:
        for key, cursor in memory.cursors.items():
            job = (batch.partition, key)
            if job in self._jobs or not self._monitors(cursor.model):
                continue
            names = list(self._due_monitors(batch.partition, memory, cursor, batch.now))
            self._wanted.discard(job)
            if names:
                due = [self._due(memory, cursor, monitor) for monitor in names]
                work = self._in_turn(key, due, batch.now)
                self._jobs[job] = asyncio.create_task(work, name=f"checks of {cursor.model}")

    async def _in_turn(self, key: Key, due: list[Due], now: datetime) -> list[Result]:
        async with self._room:
            return await self._checks.make(key, self._rules.models[key[0]], due, now)

    def _due(self, memory: Memory, cursor: ModelCursor, monitor: str) -> Due:
        rules = self._monitors(cursor.model)[monitor]
        state = memory.monitor(cursor.model, monitor, cursor.domain)
        versions = memory.versions_of(cursor.model, monitor, cursor.domain)
        learnt = {one.model_version: memory.seasons.of(place_of(one)) for one in [state, *versions.values()]}
        return Due(monitor, rules, state, cursor.waiting[monitor], versions, learnt)

    def _due_monitors(self, partition: int, memory: Memory, cursor: ModelCursor, now: datetime) -> Iterable[str]:
        """The monitors whose windows are full and that need not wait for their engine, or that a person requested."""
        wanted = (partition, cursor.key) in self._wanted
        for name, rules in self._monitors(cursor.model).items():
            waiting = cursor.waiting.get(name)
            retry_at = memory.monitor(cursor.model, name, cursor.domain).retry_at
            rests = retry_at is not None and now < retry_at
            if waiting and waiting.rows and (wanted or (_is_full(rules, waiting, now) and not rests)):
                yield name

    def _is_due(self, partition: int, memory: Memory, now: datetime) -> bool:
        if any(key[0] == partition and job.done() for key, job in self._jobs.items()):
            return True
        cursors = [cursor for cursor in memory.cursors.values() if self._monitors(cursor.model)]
        idle = [cursor for cursor in cursors if (partition, cursor.key) not in self._jobs]
        if any(True for cursor in idle for _ in self._due_monitors(partition, memory, cursor, now)):
            return True
        return partition not in self._ticks or (bool(cursors) and self._ticks.due(partition, now))


def _is_full(rules: MonitorRules, waiting: Waiting, now: datetime) -> bool:
    window = rules.window
    if window.rows is not None:
        return waiting.rows >= window.rows
    return waiting.since is not None and window.time is not None and now - waiting.since >= window.time
