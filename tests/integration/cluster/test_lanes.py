"""On PostgreSQL several partitions are worked on at once, with the same effect as one after another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from bot.domain.event import AlertEvent, domain_of, partition_of
from bot.domain.rules import Rules
from bot.errors import Conflict
from bot.inbox.inbox import Inbox
from bot.pipeline.batch import Batch
from bot.pipeline.worker import AT_ONCE, MOST_OF_AN_ERROR, Worker
from bot.storage.database import Database, table_of
from bot.storage.queries import audit
from bot.storage.tables.core import DeadLetterRow
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.cluster.test_leases_worker import SteppedLeases
from tests.integration.pipeline_driver import Pipeline, plan_without_values

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
PATIENCE = 60.0
MakeAlert = Callable[..., AlertEvent]


def clusters_of(count: int, partitions: int = 16) -> list[str]:
    """Names of clusters, each in a partition of its own."""
    found: dict[int, str] = {}
    for number in range(10_000):
        name = f"c{number}"
        found.setdefault(partition_of(domain_of({"cluster": name}, ["cluster"]), partitions), name)
    return list(found.values())[:count]


def partition_in(cluster: str) -> int:
    return partition_of(domain_of({"cluster": cluster}, ["cluster"]), 16)


class Holding:
    """A watch that calls somebody in the middle of each transaction."""

    def __init__(self, call: Callable[[Batch], object]) -> None:
        self._call = call
        self.forgot: list[int] = []

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        await self._call(batch)  # type: ignore[misc]

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        """Time brings nothing."""

    def awaiting(self) -> set[int]:
        return set()

    def forget(self, partition: int) -> None:
        self.forgot.append(partition)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@POSTGRESQL
async def test_transactions_of_several_partitions_are_under_way_at_the_same_time(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    meet = asyncio.Barrier(AT_ONCE)
    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(lambda _batch: meet.wait())])
    await pipeline.append(*(alert(cluster=one) for one in clusters_of(AT_ONCE)))
    async with asyncio.timeout(PATIENCE):
        await pipeline.worker.drain()
    assert sorted(one.number for one in await pipeline.incidents()) == list(range(1, AT_ONCE + 1))


@POSTGRESQL
async def test_a_transaction_that_lasts_holds_up_no_other_partition_and_is_not_begun_twice(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    slow, *others = clusters_of(6)
    go_on, began = asyncio.Event(), list[int]()

    async def wait(batch: Batch) -> None:
        began.append(batch.partition)
        if batch.partition == partition_in(slow):
            await go_on.wait()

    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(wait)])
    await pipeline.append(*(alert(cluster=one) for one in [slow, *others]))

    async def others_are_shown() -> bool:
        return len(await pipeline.incidents()) == len(others)

    async with working(pipeline.worker):
        await until(others_are_shown, "the other partitions have gone on")
        await pipeline.append(alert(cluster=slow, alertname="Later"), alert(cluster=others[0], alertname="Later"))
        pipeline.worker.wake(map(partition_in, (slow, others[0])))
        await until(lambda: _is(began.count(partition_in(others[0])) == 2), "another one goes on and on")
        assert began.count(partition_in(slow)) == 1
        go_on.set()
        await until(lambda: _no_lag(pipeline), "all is worked through")
    found = await pipeline.incidents()
    assert [one.number for one in found] == list(range(1, 7)), "no number is left out"
    assert [len(await pipeline.alerts_of(one)) for one in found].count(2) == 2


async def _is(found: bool) -> bool:
    return found


async def _no_lag(pipeline: Pipeline) -> bool:
    return await pipeline.lag() == 0


@POSTGRESQL
async def test_a_partition_that_fails_again_and_again_stops_no_other_and_goes_on_when_it_can(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    failing, *others = clusters_of(5)
    fails, tried = True, 0

    async def fail(batch: Batch) -> None:
        nonlocal tried
        if batch.partition == partition_in(failing) and fails:
            tried += 1
            raise Conflict("somebody was here")

    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(fail)])
    with capture_logs() as logs:
        async with working(pipeline.worker):
            for number in range(5):
                await pipeline.append(*(alert(cluster=one, alertname=f"A{number}") for one in [failing, *others]))
                pipeline.worker.wake(map(partition_in, [failing, *others]))

                async def shown(count: int = number + 1) -> bool:
                    found = [len(await pipeline.alerts_of(one)) for one in await pipeline.incidents()]
                    return found == [count] * len(others)

                await until(shown, "the others go on")
            fails = False
            await until(lambda: _no_lag(pipeline), "it goes on")
    assert len(await pipeline.incidents()) == 5
    assert tried >= 1
    assert {one["event"] for one in logs} == {"worker.retry"}


@POSTGRESQL
async def test_sixteen_partitions_that_open_and_acknowledge_incidents_never_undo_each_other(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    first = await Pipeline(database, inbox, clock, Rules()).prepare()
    second = Pipeline(database, inbox, clock, Rules())
    clusters = clusters_of(16)
    with capture_logs() as logs:
        for number in range(6):
            for one in Random(number).sample(clusters, 16):
                some = [alert(cluster=one, service=f"s{number}{which}", namespace=f"n{which}") for which in range(3)]
                some[1] = msgspec.structs.replace(some[1], acknowledged_by="U7")
                await first.append(*some)
            clock.pass_(minutes=30)
            await asyncio.gather(first.worker.drain(), second.worker.drain(), return_exceptions=True)
            await first.worker.drain()
    assert [one for one in logs if "deadlock" in str(one)] == []
    found = await first.incidents()
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert len(found) >= 96
    async with database.read() as connection:
        assert await audit.first_broken(connection) is None
        kept = [one for one in await audit.entries(connection) if one["action"] == "incident.acknowledged"]
    acknowledged = [one for one in found if one.acknowledged_by == "U7"]
    assert len(kept) == len(acknowledged) >= 96


@POSTGRESQL
async def test_a_lease_that_changes_hands_within_a_batch_takes_nothing_from_under_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    leases, held, go_on = SteppedLeases(), asyncio.Event(), asyncio.Event()

    async def hold(_batch: Batch) -> None:
        held.set()
        await go_on.wait()

    watch = Holding(hold)
    pipeline.worker = Worker(replace(pipeline.services, leases=leases), plan_without_values, [watch])
    await pipeline.append(alert())
    async with asyncio.timeout(PATIENCE), working(pipeline.worker):
        await held.wait()
        leases.now = 2
        for _ in range(3):
            await pipeline.worker._find_work()
        assert watch.forgot == []
        go_on.set()
        await until(lambda: _no_lag(pipeline), "it is worked through")
        await pipeline.worker._find_work()
        await until(lambda: _is(len(watch.forgot) == 1), "what was known under the lease before is forgotten")


@POSTGRESQL
async def test_a_worker_that_is_stopped_leaves_no_transaction_and_the_next_one_has_the_whole_effect(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    meet, reached = asyncio.Barrier(AT_ONCE + 1), asyncio.Event()

    async def hold(_batch: Batch) -> None:
        if not reached.is_set():
            await meet.wait()
            await asyncio.Event().wait()

    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(hold)])
    await pipeline.append(*(alert(cluster=one) for one in clusters_of(8)))
    async with asyncio.timeout(PATIENCE), working(pipeline.worker):
        await meet.wait()
        reached.set()
    pool = pipeline.database.engine.sync_engine.pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]
    assert await pipeline.incidents() == []
    await pipeline.worker.drain()
    assert sorted(one.number for one in await pipeline.incidents()) == list(range(1, 9))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_which_takes_one_writer_partitions_have_their_turns_one_after_another(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    at_once = most = 0

    async def count(_batch: Batch) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1

    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(count)])
    await pipeline.append(*(alert(cluster=one) for one in clusters_of(6)))
    await pipeline.worker.drain()
    assert most == 1
    assert [one.number for one in await pipeline.incidents()] == list(range(1, 7))


async def test_what_cancels_only_what_is_waited_for_ends_no_lane(pipeline: Pipeline, alert: MakeAlert) -> None:
    left = dict.fromkeys(range(16), 2)

    async def wait(batch: Batch) -> None:
        if left[batch.partition] > 0:
            left[batch.partition] -= 1
            raise asyncio.CancelledError

    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(wait)])
    clusters = clusters_of(6)
    await pipeline.append(*(alert(cluster=one) for one in clusters))
    async with working(pipeline.worker):
        pipeline.worker.wake(map(partition_in, clusters))
        await until(lambda: _no_lag(pipeline), "all is worked through")
    assert len(await pipeline.incidents()) == len(clusters)


class Unspeakable(Exception):
    def __init__(self, words: str | None) -> None:
        self.words = words

    def __repr__(self) -> str:
        if self.words is None:
            raise ZeroDivisionError
        return self.words


@pytest.mark.parametrize(
    "words", ["a\0b", "\ud800", "much " * 1_000_000, None], ids=["nul", "surrogate", "much", "none"]
)
async def test_whatever_an_error_says_what_fails_is_set_aside(
    pipeline: Pipeline, alert: MakeAlert, words: str | None
) -> None:
    async def fail(_batch: Batch) -> None:
        raise Unspeakable(words)

    pipeline.worker = Worker(pipeline.services, plan_without_values, [Holding(fail)])
    await pipeline.append(alert())
    with capture_logs():
        await pipeline.worker.drain()
    assert await pipeline.lag() == 0
    async with pipeline.database.read() as connection:
        [kept] = await connection.scalars(select(table_of(DeadLetterRow).c.error))
    assert 0 < len(kept) <= MOST_OF_AN_ERROR + 10
