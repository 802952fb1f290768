"""A watch that fails on a tick takes nobody with it, on both databases."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.observability.metrics import TICKS_FAILED
from bot.pipeline.batch import Batch
from bot.pipeline.worker import Worker
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
    assert (watch.ticked, watch.forgotten) == ([3, 5], [3])
    assert TICKS_FAILED._value.get() == before + 1
