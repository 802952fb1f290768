"""The worker does what its leases allow: and what its watches know of a partition lasts no longer than the lease."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.cluster.leases import SoleLeases
from bot.cluster.shared_leases import SharedLeases
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.errors import LostLease
from bot.inbox.inbox import Inbox, open_inbox
from bot.pipeline.batch import Batch
from bot.pipeline.worker import Worker
from bot.services import Services
from bot.storage.database import Database, open_database
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values


class SteppedLeases(SoleLeases):
    """Of one epoch after the other, or of none; ``lost`` is what only the database knows yet."""

    def __init__(self) -> None:
        super().__init__()
        self.now: int | None = 1
        self.lost = False

    def epoch(self, name: str) -> int | None:
        return self.now

    def holds(self, name: str) -> bool:
        return self.now is not None

    async def check(self, connection: AsyncConnection, name: str) -> None:
        if self.lost:
            raise LostLease(name)


class Remembering:
    """A watch that takes note of what it is asked to forget."""

    def __init__(self) -> None:
        self.took: list[int] = []
        self.forgot: list[int] = []

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        self.took.append(batch.partition)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self.took.append(batch.partition)

    def awaiting(self) -> set[int]:
        return set()

    def forget(self, partition: int) -> None:
        self.forgot.append(partition)


def worker_of(pipeline: Pipeline, leases: SoleLeases, watch: Remembering) -> Worker:
    return Worker(replace(pipeline.services, leases=leases), plan_without_values, [watch])


async def test_a_partition_that_is_not_held_waits_and_what_was_known_of_it_is_forgotten(
    pipeline: Pipeline, alert: Callable[..., AlertEvent]
) -> None:
    leases, watch = SteppedLeases(), Remembering()
    worker = worker_of(pipeline, leases, watch)
    await pipeline.append(alert())
    await worker.drain()
    [partition] = set(watch.took)
    watch.took.clear()
    leases.now = None
    await pipeline.append(alert(service="cart"))
    await worker.drain()
    assert (watch.took, watch.forgot, await pipeline.lag()) == ([], [partition], 1)
    leases.now = 3
    await worker.drain()
    assert (set(watch.took), watch.forgot, await pipeline.lag()) == ({partition}, [partition] * 2, 0)


async def test_a_lease_that_is_lost_in_the_database_is_a_batch_without_effect(
    pipeline: Pipeline, alert: Callable[..., AlertEvent]
) -> None:
    leases, watch = SteppedLeases(), Remembering()
    worker = worker_of(pipeline, leases, watch)
    leases.lost = True
    await pipeline.append(alert())
    await worker.drain()
    assert (await pipeline.incidents(), watch.took, await pipeline.lag()) == ([], [], 1)
    leases.lost = False
    await worker.drain()
    assert len(await pipeline.incidents()) == 1


class Replica:
    def __init__(self, name: str, url: str, clock: Clock, rules: Rules) -> None:
        self.database = open_database(url)
        self.inbox = open_inbox(self.database)
        self.leases = SharedLeases(self.database, name, rules.partitions)
        self.worker = Worker(Services(self.database, self.inbox, rules, clock, self.leases), plan_without_values)

    async def start(self) -> None:
        await self.leases.start()
        self.leases.begin(lambda _said: None, self._recover)
        self._working = asyncio.create_task(self.worker.run())

    async def stop(self) -> None:
        await self.leases.release()
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)
        await self.leases.stop()
        await self.inbox.close()
        await self.database.close()

    async def _recover(self, _replica: str) -> None:
        return


@pytest.fixture
async def replicas(database_url: str, clock: Clock) -> AsyncIterator[list[Replica]]:
    found = [Replica(name, database_url, clock, Rules()) for name in ("a", "b")]
    yield found
    for replica in found[1:]:
        await replica.stop()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_workers_share_the_alerts_and_one_goes_on_with_the_incidents_of_the_other(
    replicas: list[Replica],
    database: Database,
    inbox: Inbox,
    clock: Clock,
    alert: Callable[..., AlertEvent],
) -> None:
    pipeline = await Pipeline(database, inbox, clock, Rules()).prepare()
    for replica in replicas:
        await replica.start()
    clusters = [f"c{i}" for i in range(20)]

    async def shared() -> bool:
        return {len([n for n in one.leases.held() if n.startswith("partition:")]) for one in replicas} == {8}

    await until(shared, "both hold their share")
    await pipeline.append(*(alert(cluster=cluster) for cluster in clusters))

    async def worked_through() -> bool:
        return await pipeline.lag() == 0

    await until(worked_through, "the alerts are worked through")
    assert sorted(incident.number for incident in await pipeline.incidents()) == list(range(1, 21))
    await replicas[0].stop()
    await pipeline.append(*(alert(cluster=cluster, alertname="Errors") for cluster in clusters))
    await until(worked_through, "one works through the rest")
    incidents = await pipeline.incidents()
    assert len(incidents) == 20
    assert [len(await pipeline.alerts_of(incident)) for incident in incidents] == [2] * 20
