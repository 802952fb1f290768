"""What a worker does in its turns and between them, on both databases."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.rules import Rules
from bot.inbox import offsets
from bot.inbox.inbox import Inbox, NewEntry
from bot.observability.metrics import TICKS_FAILED
from bot.pipeline.batch import Batch
from bot.pipeline.worker import LATE, Worker
from bot.services import Services
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values


class Failing:
    """A watch that wants ticks for two partitions and fails in the first."""

    def __init__(self) -> None:
        self.ticked: list[int] = []
        self.forgotten: list[int] = []

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        """Nothing is looked at."""

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self.ticked.append(batch.partition)
        if batch.partition == 3:
            raise ZeroDivisionError("nobody foresaw this")

    def awaiting(self) -> set[int]:
        return {3, 5}

    def forget(self, partition: int) -> None:
        self.forgotten.append(partition)


async def test_the_other_partitions_have_their_ticks_and_what_failed_is_counted(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    await Pipeline(database, inbox, clock, Rules()).prepare()
    watch, before = Failing(), TICKS_FAILED._value.get()
    await Worker(Services(database, inbox, Rules(), clock), plan_without_values, [watch]).tick()
    assert (sorted(watch.ticked), watch.forgotten) == ([3, 5], [3])
    assert TICKS_FAILED._value.get() == before + 1


@pytest.mark.parametrize(("late", "patience"), [(-60, 1.0), (0, 1.0), (LATE / 4, 0.75), (LATE, 0.0), (60, 0.0)])
async def test_the_later_what_waits_is_worked_on_the_less_patience_the_worker_has(
    database: Database, inbox: Inbox, clock: Clock, late: float, patience: float
) -> None:
    await Pipeline(database, inbox, clock, Rules()).prepare()
    asked = list[float]()

    async def rest_after(busy: float, patience: float) -> None:
        assert busy > 0
        asked.append(patience)

    await inbox.append([NewEntry(0, "test", clock.now, b"[]")])
    clock.now += timedelta(seconds=late)
    await Worker(Services(database, inbox, Rules(), clock), plan_without_values, [], rest_after).drain()
    assert asked == [patience]


async def test_a_partition_whose_entries_were_all_taken_has_no_second_transaction(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    await Pipeline(database, inbox, clock, Rules()).prepare()
    await inbox.append([NewEntry(0, "test", clock.now, b"[]"), NewEntry(0, "test", clock.now, b"[]")])
    before = _batches()
    await Worker(Services(database, inbox, Rules(), clock), plan_without_values).drain()
    assert _batches() == before + 1
    async with database.read() as connection:
        assert await inbox.lag(await offsets.positions(connection)) == 0


@pytest.mark.parametrize("size", [10, 600_000])
async def test_a_partition_with_more_than_a_transaction_takes_is_worked_through(
    database: Database, inbox: Inbox, clock: Clock, size: int
) -> None:
    """By their number, and by their size: the inbox gives a megabyte at a time."""
    await Pipeline(database, inbox, clock, Rules()).prepare()
    payload = b"[" + b" " * size + b"]"
    await inbox.append([NewEntry(0, "test", clock.now, payload) for _ in range(1200 if size < 100 else 4)])
    before = _batches()
    await Worker(Services(database, inbox, Rules(), clock), plan_without_values).drain()
    assert _batches() > before + 1
    async with database.read() as connection:
        assert await inbox.lag(await offsets.positions(connection)) == 0


def _batches() -> float:
    return REGISTRY.get_sample_value("tandem_batch_seconds_count") or 0.0
