"""The worker: drives the stages over the partitions, each batch in one transaction.

PostgreSQL takes many transactions at once, and a statement is on its way for longer than it takes: there several
partitions are worked on at the same time. All that is kept between batches is kept by partition, but for ``_topology``,
which no batch changes, and ``_size``. SQLite takes one writer, so there partitions have their turns one after another.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.cluster.leases import partition_lease
from bot.errors import Conflict, LostLease, StorageUnavailable, Unasked
from bot.inbox import offsets
from bot.observability.metrics import BATCH_SECONDS, EVENTS_PROCESSED, SET_ASIDE, TICKS_FAILED
from bot.pipeline.batch import Batch, PlanMaker, Trigger
from bot.pipeline.lanes import Lanes, together
from bot.pipeline.size import ONE, BatchSize
from bot.pipeline.stage import stages_on
from bot.pipeline.watch import Watch
from bot.services import Services, nothing_to_look_up
from bot.storage.queries import alerts
from bot.storage.queries.deeds import anew, held
from bot.storage.quiet import Quiet
from detectors.topology import Topology

TICK = 1.0
LATE = 0.5
"""Seconds after which what waits in the inbox is late: the later it is, the less the worker rests."""
AT_ONCE = 4
"""Partitions that are worked on at the same time on PostgreSQL; each takes two connections."""
MOST_OF_AN_ERROR = 4000
"""Characters that are kept of why an entry was set aside."""

log = structlog.get_logger(__name__)


def _see_that_it_is_for_us() -> None:
    """Raises Conflict where only what was waited for was cancelled: as a cancellation it would end a lane for good,
    and nobody would notice."""
    task = asyncio.current_task()
    if task is not None and not task.cancelling():
        raise Conflict("something that a transaction waited for was cancelled")


def _described(error: Exception) -> str:
    """In characters that every database takes, and not more of them than people read: else nothing can be set aside."""
    try:
        whole = repr(error)
    except Exception:
        whole = type(error).__name__
    return whole[:MOST_OF_AN_ERROR].encode(errors="backslashreplace").decode().replace("\0", "\\x00")


async def _without_rest(_busy: float, _patience: float) -> None:
    await asyncio.sleep(0)


class Worker:
    """Works through the partitions that this replica holds.

    After every transaction that changed something, the change is broadcast, so that others look at once. What watches
    know of a partition belongs to one lease of it: under another, they begin from what is stored. ``rest_after`` is
    awaited after so many seconds of work, or fewer where what waits is late.
    """

    def __init__(
        self,
        services: Services,
        make_plan: PlanMaker,
        watches: Sequence[Watch] = (),
        rest_after: Callable[[float, float], Awaitable[None]] = _without_rest,
    ) -> None:
        self._database = services.database
        self._inbox = services.inbox
        self._leases = services.leases
        self._clock = services.clock
        self._rules = services.rules
        self._broadcast = services.broadcast
        self._look_up = services.look_up
        self._topology = Topology(services.rules.depends_on)
        self._make_plan = make_plan
        self._watches = watches
        self._epochs: dict[int, int | None] = {}
        self._stages = {trigger: stages_on(trigger) for trigger in Trigger}
        self._waiting: set[int] = set()
        self._rest_after = rest_after
        self._lateness = 0.0
        self._due: set[int] = set()
        self._lanes = Lanes(1 if services.database.is_sqlite else AT_ONCE, self._rest)
        self._woken = asyncio.Event()
        self._retried_at = 0.0
        self._size = BatchSize()
        self._quiet = Quiet(services.database.commits, services.inbox.commits)

    def wake(self, partitions: Iterable[int]) -> None:
        """Say that these partitions have new entries."""
        partitions = list(partitions)
        self._waiting.update(partitions)
        self._lanes.add(partitions)

    def look(self) -> None:
        """Say that the leases have changed: what waits in partitions that are new here is looked for at once."""
        self._woken.set()

    def _holds(self, partition: int) -> bool:
        """Only in the partition's turn, or while it has none: what is known of it may be dropped here."""
        epoch = self._leases.epoch(partition_lease(partition))
        if self._epochs.setdefault(partition, epoch) != epoch:
            self._epochs[partition] = epoch
            for watch in self._watches:
                watch.forget(partition)
        return epoch is not None

    async def run(self) -> None:
        """Work until cancelled; what cannot be stored now is tried again."""
        await together([self._lanes.run(self._take_turn), self._look_each_second()])

    async def _look_each_second(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            next_look = loop.time() + TICK
            self._woken.clear()
            try:
                await self._find_work()
            except (StorageUnavailable, Conflict) as error:
                self._note_retry(error)
                next_look = loop.time() + TICK
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._woken.wait()

    async def _take_turn(self, partition: int) -> None:
        """What a partition is due, and its next batch; if that fails, it waits, and only it."""
        try:
            if partition in self._due:
                self._due.discard(partition)
                await self._tick_if_held(partition)
            if partition in self._waiting:
                await self._work_if_held(partition)
        except (StorageUnavailable, Conflict) as error:
            self._note_retry(error)
            self._lanes.put_off(partition, TICK)
        else:
            if partition in self._waiting:
                self._lanes.add([partition])

    def _note_retry(self, error: Exception) -> None:
        """Once a second: where the database is gone, all partitions fail."""
        now = asyncio.get_running_loop().time()
        if now - self._retried_at >= TICK:
            self._retried_at = now
            log.warning("worker.retry", reason=str(error))

    async def _rest(self, busy: float) -> None:
        """What comes in meanwhile gathers in the inbox, and costs less together; but people wait for it."""
        await self._rest_after(busy, max(1 - self._lateness / LATE, 0.0))

    async def tick(self) -> None:
        """What time alone brings; and entries that came in through another process."""
        await self._find_work()
        due, self._due = sorted(self._due), set()
        await self._lanes.each(due, self._tick_if_held)

    async def _find_work(self) -> None:
        """Line up the partitions that are due a tick, and those in which something waits."""
        for partition in self._epochs.keys() - self._lanes.busy:
            self._holds(partition)
        held_back = set() if self._quiet.lasts else await self._look()
        self._due |= held_back.union(*(watch.awaiting() for watch in self._watches))
        self._lanes.add(sorted(self._due | self._waiting))

    async def _tick_if_held(self, partition: int) -> None:
        if self._holds(partition):
            await self._tick(partition)

    async def _look(self) -> set[int]:
        """The partitions in which time alone may change something; what waits in the inbox is noted."""
        self._quiet.begin()
        await self._look_for_waiting()
        async with self._database.read() as connection:
            found = set(await alerts.partitions_held_back(connection)) | await anew.partitions(connection)
            waiting = await held.partitions(connection)
        if not (found or waiting or self._waiting or self._lanes.busy):
            self._quiet.found_nothing()
        due = self._clock() - self._rules.alerts.resolve_holds
        return found | {partition for partition, resolved_at in waiting.items() if resolved_at <= due}

    async def _tick(self, partition: int) -> None:
        """One partition's tick; where it fails, the others have theirs, and it has another one soon."""
        try:
            await self._process(partition, Trigger.TICK)
        except LostLease as lost:
            log.info("worker.lost", reason=str(lost))
        except (StorageUnavailable, Conflict):
            raise
        except Exception as error:
            TICKS_FAILED.inc()
            log.error("worker.tick_failed", partition=partition, exc_info=error)

    async def drain(self) -> None:
        """Work through everything that is in the inbox now."""
        await self._look_for_waiting()
        while self._waiting:
            await self._lanes.each(sorted(self._waiting), self._work_if_held)

    async def _look_for_waiting(self) -> None:
        async with self._database.read() as connection:
            positions = await offsets.positions(connection)
        behind = await self._inbox.partitions_behind(positions)
        self._waiting |= behind.keys() - self._lanes.busy  # a partition that has its turn finds its entries itself

    async def _work_if_held(self, partition: int) -> None:
        self._waiting.discard(partition)  # before the work: whoever wakes us during it counts
        if self._holds(partition) and await self._work_on(partition):
            self._waiting.add(partition)

    async def _work_on(self, partition: int) -> bool:
        """The next batch; returns whether more may wait."""
        try:
            return await self._process(partition, Trigger.ENTRIES)
        except LostLease as lost:
            log.info("worker.lost", reason=str(lost))
            return False
        except (StorageUnavailable, Conflict):
            self._waiting.add(partition)
            raise
        except Exception as error:
            log.error("worker.batch_failed", partition=partition, exc_info=error)
            return await self._process_alone(partition)

    @asynccontextmanager
    async def _transaction(self, partition: int) -> AsyncIterator[AsyncConnection]:
        """A transaction during which the partition stays ours. Raises LostLease, StorageUnavailable."""
        async with self._database.write(ahead=True) as connection:
            await self._leases.check(connection, partition_lease(partition))
            yield connection

    async def _process(self, partition: int, trigger: Trigger, size: BatchSize | None = None) -> bool:
        """One transaction; returns whether more entries may wait. It is begun anew where findings are of what another
        system knows more: that is asked in between."""
        try:
            try:
                return await self._attempt(partition, trigger, size, self._look_up is not nothing_to_look_up)
            except Unasked as unasked:
                await self._look_up(unasked.alerts)
                return await self._attempt(partition, trigger, size)
        except asyncio.CancelledError:
            _see_that_it_is_for_us()
            raise

    async def _attempt(self, partition: int, trigger: Trigger, size: BatchSize | None, asks: bool = False) -> bool:
        with BATCH_SECONDS.time():
            batch = Batch(
                partition=partition,
                now=self._clock(),
                rules=self._rules,
                topology=self._topology,
                make_plan=self._make_plan,
                inbox=self._inbox,
                size=size or self._size,
                trigger=trigger,
                watches=self._watches,
                asks=asks,
            )
            try:
                async with self._transaction(partition) as connection:
                    batch.inbox = self._inbox.within(connection)
                    began = time.process_time()  # a slow disk or a busy machine is no reason for smaller batches
                    for stage in self._stages[trigger]:
                        await stage.work(batch, connection)
            except BaseException:
                for watch in self._watches:
                    watch.forget(partition)
                raise
        if batch.unfinished:
            self.look()
        if batch.entries:
            late = (batch.now - batch.entries[0].received_at).total_seconds()
            self._lateness = max(late, 0.0)  # the clock of who took it in may be ahead of ours
            self._size = batch.size.after(batch.entries, (time.process_time() - began) / self._lanes.at_work)
        EVENTS_PROCESSED.inc(sum(len(entry.events) for entry in batch.entries))
        if batch.touched or batch.runs:
            self._broadcast.publish_change()
        return batch.more

    async def _process_alone(self, partition: int) -> bool:
        """Take the next entry by itself; where it fails alone too, set it aside, so that it holds up nobody."""
        try:
            return await self._process(partition, Trigger.ENTRIES, ONE)
        except (StorageUnavailable, Conflict):
            raise
        except Exception as error:
            return await self._set_aside(partition, error)

    async def _set_aside(self, partition: int, error: Exception) -> bool:
        async with self._transaction(partition) as connection:
            position = await offsets.position_of(connection, partition)
            seq = await self._inbox.within(connection).next_seq(partition, position)
            if seq is None:
                return False
            log.error("worker.set_aside", partition=partition, seq=seq, exc_info=error)
            await offsets.set_aside(connection, partition, seq, _described(error), self._clock())
            await offsets.advance(connection, partition, position, seq)
        SET_ASIDE.inc()
        return True
