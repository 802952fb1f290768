"""The watch over models: the quality and drift of what they are asked and say, and how well they do.

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
from bot.model_store.frames import Frames
from bot.pipeline.batch import Batch
from bot.storage.database import Database
from bot.watches.models.alibi_process import Alibi
from bot.watches.models.freshness import look_for_freshness
from bot.watches.models.job import Checks, Due, Result, holds_of
from bot.watches.models.memory import Account, Head, Memory, Waiting, account_of, load
from bot.watches.models.outcome import settle

TICK = timedelta(seconds=15)
_PAGE = 5_000
AT_ONCE = 4
"""Models that are checked at the same time: each takes a connection, and its window's rows are in memory."""
CHECK = "check"
"""What replicas tell each other: a person wants a model checked."""

Job = asyncio.Task[list[Result]]
log = structlog.get_logger(__name__)


class ModelsWatch:
    """See :class:`bot.pipeline.watch.Watch`. ``tell`` tells the other replicas."""

    def __init__(
        self,
        rules: Rules,
        clock: Callable[[], datetime],
        database: Database,
        frames: Frames,
        alibi: Alibi | None = None,
        tell: Callable[[str], None] = lambda _said: None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._tell = tell
        self._alibi = alibi or Alibi()
        self._checks = Checks(database, frames, self._alibi)
        self._memories: dict[int, Memory] = {}
        self._jobs: dict[tuple[int, str], Job] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._ticked_at: dict[int, datetime] = {}
        self._wanted: set[str] = set()

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        came = {event.model: event for _, event in batch.events() if isinstance(event, RowsEvent)}
        mine = [event for model, event in came.items() if self._monitors(model)]
        if not mine:
            return
        memory = await self._memory(batch, connection)
        for event in mine:
            await self._note(memory, event, batch, connection)
        self._collect(memory, batch)
        await memory.save(connection, batch.partition, batch.entries[-1].seq, batch.now)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._memory(batch, connection)
        self._ticked_at[batch.partition] = batch.now
        await self._expect_models(memory, batch, connection)
        self._collect(memory, batch)
        for head in memory.heads.values():
            if self._monitors(head.model):
                account = await self.account_of(connection, head.model) if head.newest_at is None else None
                elsewhere = account is not None and account.newest_at is not None
                batch.findings += look_for_freshness(memory, head, self._rules, batch.now, elsewhere)
        await memory.save(connection, batch.partition, position, batch.now)
        self._launch(memory, batch)

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {
            partition
            for partition in range(self._rules.partitions)
            if (memory := self._memories.get(partition)) is None or self._is_due(partition, memory, now)
        }

    def forget(self, partition: int) -> None:
        self._memories.pop(partition, None)
        for key in [key for key in self._jobs if key[0] == partition]:
            self._jobs.pop(key).cancel()

    def ask_for_checks(self, model: str) -> None:
        """:meth:`check_now`, on whichever replicas have the model's data."""
        self.check_now(model)
        self._tell(f"{CHECK} {model}")

    def check_now(self, model: str) -> None:
        """Check what came of a model since its last checks, however little, where this replica has its data."""
        if any(model in memory.heads for memory in self._memories.values()):
            self._wanted.add(model)

    async def account_of(self, connection: AsyncConnection, model: str) -> Account:
        """What came of a model and what its monitors said last, whichever replicas work on it."""
        return await account_of(connection, model, self._rules.partitions)

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

    def _monitors(self, model: str) -> Mapping[str, MonitorRules]:
        known = self._rules.models.get(model)
        return known.monitors if known else {}

    async def _memory(self, batch: Batch, connection: AsyncConnection) -> Memory:
        if batch.partition not in self._memories:
            self._memories[batch.partition] = await load(connection, batch.partition)
        return self._memories[batch.partition]

    async def _note(self, memory: Memory, event: RowsEvent, batch: Batch, connection: AsyncConnection) -> None:
        """Take note of the batches of a model that are new in its account."""
        head = memory.heads.get(event.model) or Head(event.model, dict(event.labels), batch.now)
        head = msgspec.structs.replace(head, labels=dict(event.labels), waiting=dict(head.waiting))
        rules = self._monitors(event.model)
        while kept := await model_data.rows_after(connection, event.model, head.seq, _PAGE):
            for one in kept:
                head.seq = one.seq
                if one.holds is RowsKind.PREDICTIONS and one.rows:
                    head.newest_at = max(head.newest_at or one.received_at, one.received_at)
                for name, monitor in rules.items():
                    if holds_of(monitor) is one.holds:
                        before = head.waiting.get(name) or Waiting(one.seq - 1)
                        since = before.since or (one.received_at if one.rows else None)
                        head.waiting[name] = Waiting(before.seq, before.rows + one.rows, since)
        memory.head_changed(head)

    async def _expect_models(self, memory: Memory, batch: Batch, connection: AsyncConnection) -> None:
        """Models that never sent anything are looked after in the domain of events that name none."""
        partition_by = self._rules.correlation.partition_by
        if batch.partition != partition_of(domain_of({}, partition_by), self._rules.partitions):
            return
        for name, model in self._rules.models.items():
            expected = any(monitor.fresh_within for monitor in model.monitors.values())
            if expected and name not in memory.heads and not (await self.account_of(connection, name)).heads:
                memory.head_changed(Head(name, {}, batch.now))

    def _collect(self, memory: Memory, batch: Batch) -> None:
        """What finished jobs found becomes state and findings."""
        for key in [key for key, job in self._jobs.items() if key[0] == batch.partition and job.done()]:
            job, head = self._jobs.pop(key), memory.heads.get(key[1])
            if job.cancelled() or head is None:
                continue
            if (error := job.exception()) is not None:
                log.warning("models.job_again", model=key[1], reason=repr(error))
                continue
            batch.findings += settle(memory, head, self._rules, job.result(), batch.now)

    def _launch(self, memory: Memory, batch: Batch) -> None:
        for name, head in memory.heads.items():
            if (batch.partition, name) in self._jobs or not self._monitors(name):
                continue
            due = [self._due(memory, head, monitor) for monitor in self._due_monitors(head, batch.now)]
            self._wanted.discard(name)
            if due:
                work = self._in_turn(name, due, batch.now)
                self._jobs[batch.partition, name] = asyncio.create_task(work, name=f"checks of {name}")

    async def _in_turn(self, model: str, due: list[Due], now: datetime) -> list[Result]:
        async with self._room:
            return await self._checks.make(model, self._rules.models[model], due, now)

    def _due(self, memory: Memory, head: Head, monitor: str) -> Due:
        rules = self._monitors(head.model)[monitor]
        return Due(monitor, rules, memory.monitor(head.model, monitor), head.waiting[monitor])

    def _due_monitors(self, head: Head, now: datetime) -> Iterable[str]:
        """The monitors whose windows are full, or for whose rows a person asked."""
        for name, rules in self._monitors(head.model).items():
            waiting = head.waiting.get(name)
            if waiting and waiting.rows and (head.model in self._wanted or _is_full(rules, waiting, now)):
                yield name

    def _is_due(self, partition: int, memory: Memory, now: datetime) -> bool:
        if any(key[0] == partition and job.done() for key, job in self._jobs.items()):
            return True
        heads = [head for name, head in memory.heads.items() if self._monitors(name)]
        idle = [head for head in heads if (partition, head.model) not in self._jobs]
        if any(True for head in idle for _ in self._due_monitors(head, now)):
            return True
        ticked_at = self._ticked_at.get(partition)
        return ticked_at is None or (bool(heads) and not now - ticked_at < TICK)


def _is_full(rules: MonitorRules, waiting: Waiting, now: datetime) -> bool:
    window = rules.window
    if window.rows is not None:
        return waiting.rows >= window.rows
    return waiting.since is not None and window.time is not None and now - waiting.since >= window.time
