"""A model's data is worked through by one replica, and every other knows what came of it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from bot.cluster.leases import SoleLeases, partition_lease
from bot.domain.event import domain_of, partition_of
from bot.inbox.inbox import Inbox
from bot.pipeline.worker import Worker
from bot.services import Services
from bot.storage.database import Database
from bot.watches.models.watch import ModelsWatch
from handlers.slack import SlackEndpoint
from handlers.slack.registry import MODEL as MODEL_COMMAND
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.pipeline_driver import plan_without_values
from tests.integration.watches.models_driver import MODEL, Models, rules_for

RULES = rules_for({"kind": "quality", "fresh_within": "1h", "window": {"rows": 10}})
WHERE_DATA_COMES = partition_of(domain_of({"cluster": "eu"}, RULES.correlation.partition_by), RULES.partitions)
WHERE_MODELS_ARE_EXPECTED = partition_of(domain_of({}, RULES.correlation.partition_by), RULES.partitions)


class SomeLeases(SoleLeases):
    def __init__(self, may: Callable[[int], bool]) -> None:
        super().__init__()
        self._mine = {partition_lease(one) for one in range(RULES.partitions) if may(one)}

    def epoch(self, name: str) -> int | None:
        return 1 if name in self._mine else None

    def holds(self, name: str) -> bool:
        return name in self._mine


class Two:
    """Two replicas: the one has the partition in which the model's data comes, the other has all else."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.told: list[str] = []
        self.there = self._watch()
        self.elsewhere = self._watch(self.told.append)
        self._one = self._worker(self.there, lambda partition: partition == WHERE_DATA_COMES)
        self._other = self._worker(self.elsewhere, lambda partition: partition != WHERE_DATA_COMES)

    def _watch(self, tell: Callable[[str], None] = lambda _said: None) -> ModelsWatch:
        models = self.models
        return ModelsWatch(RULES, models.clock, models.database, models.frames, broadcast=tell)

    def _worker(self, watch: ModelsWatch, may: Callable[[int], bool]) -> Worker:
        models = self.models
        return Worker(
            Services(models.database, models.inbox, RULES, models.clock, SomeLeases(may)), plan_without_values, [watch]
        )

    async def predictions(self, rows: int) -> None:
        self.models.worker = self._one
        await self.models.came_unchecked({"price": np.linspace(1, 2, rows)})
        await self.tick()

    async def tick(self) -> None:
        for worker, watch in ((self._one, self.there), (self._other, self.elsewhere)):
            for _ in range(3):
                await worker.tick()
                await watch.finish()


@pytest.fixture
async def two(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Two]:
    models = Models(database, inbox, clock, RULES, tmp_path)
    await models.prepare()
    pair = Two(models)
    yield pair
    for watch in (pair.there, pair.elsewhere, models.watch):
        await watch.close()


def test_the_two_partitions_are_not_one() -> None:
    assert WHERE_DATA_COMES != WHERE_MODELS_ARE_EXPECTED


async def test_a_model_that_another_replica_hears_of_is_not_missed(two: Two, clock: Clock) -> None:
    await two.tick()
    for _ in range(4):
        clock.pass_(minutes=40)
        await two.predictions(20)
    assert await two.models.incidents() == []
    clock.pass_(hours=2)
    await two.tick()
    assert len(await two.models.incidents()) == 1


async def test_every_replica_says_what_came_of_a_model_and_has_it_checked_where_its_data_is(two: Two) -> None:
    await two.predictions(5)
    database, clock = two.models.database, two.models.clock
    endpoint = SlackEndpoint(database, {}, clock, lambda: None, models=two.elsewhere)

    async def asked(text: str) -> str:
        return str(await answer(endpoint, MODEL_COMMAND, text, "U1"))

    said = await asked(f"show {MODEL}")
    assert "last predictions" in said
    assert "has not checked yet" in said
    assert "Checking" in await asked(f"check {MODEL}")
    assert two.told == [f"check {MODEL}"]
    two.there.check_now(two.told[0].partition(" ")[2])
    await two.tick()
    assert "has not checked yet" not in await asked(f"show {MODEL}")
