"""Whatever goes wrong around a snapshot, each watch knows afterwards what it would know without it: all of it, once."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bot.domain.event import Event, LogLine, LogsEvent, RowsEvent, RowsKind, SamplesEvent, Series
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import LogRules, MetricRules
from bot.errors import StorageUnavailable
from bot.inbox import offsets
from bot.inbox.inbox import Inbox
from bot.pipeline.batch import Batch
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.storage.queries import snapshots
from bot.watches.logs.watch import LogsWatch
from bot.watches.metrics.watch import MetricsWatch
from bot.watches.models.watch import ModelsWatch
from detectors.topology import Topology
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values
from tests.integration.watches.models_driver import Models, rules_for, table_from

WATCH = {"match": ["service=checkout"]}
RULES = {
    "metrics": Rules(metrics=MetricRules.model_validate({"watch": {"all": WATCH}}), partitions=1),
    "logs": Rules(logs=LogRules.model_validate({"watch": {"all": WATCH}}), partitions=1),
    "models": rules_for({"kind": "drift", "window": {"rows": 10_000}}, partitions=1),
}
Watch = MetricsWatch | LogsWatch | ModelsWatch


class Subject(NamedTuple):
    """One watch in a pipeline of its own; ``make`` makes a watch that knows nothing but what is stored."""

    name: str
    pipeline: Pipeline
    make: Callable[[], Watch]
    event: Callable[[], Awaitable[Event]]

    def worker(self, watch: Watch) -> Worker:
        return Worker(self.pipeline.services, plan_without_values, [watch])

    async def feed(self, worker: Worker, deliveries: int = 1) -> None:
        for _ in range(deliveries):
            self.pipeline.clock.pass_(seconds=20)
            await self.pipeline.append(await self.event())
            await worker.drain()

    async def stored(self) -> Mapping[str, bytes]:
        """What a new process would know, from the snapshots and the inbox."""
        one, watch = self.pipeline, self.make()
        batch = Batch(0, one.clock.now, one.rules, Topology({}), plan_without_values, one.inbox)
        async with one.database.write() as connection:
            await watch._snapshots.open(batch, connection, await offsets.position_of(connection, 0))
        return known(watch)


def known(watch: Watch) -> dict[str, bytes]:
    """The pieces that a watch has in memory, by name, as it would write them."""
    [memory] = watch._snapshots
    if isinstance(watch, MetricsWatch):
        names = [f"series:{name}" for name in memory.group_of]  # type: ignore[union-attr]
        names += [f"group:{name}" for name in memory.groups]  # type: ignore[union-attr]
    elif isinstance(watch, LogsWatch):
        names = list(memory.groups)  # type: ignore[union-attr]
    else:
        names = [f"head:{name}\x1f{domain}" for name, domain in memory.cursors]  # type: ignore[union-attr]
    assert names, "the watch has learnt something"
    return {name: memory.serialise(name) or b"" for name in names}


@pytest.fixture(params=["metrics", "logs", "models"])
async def subject(
    request: pytest.FixtureRequest, database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> Subject:
    name: str = request.param
    rules, random = RULES[name], np.random.default_rng(3)
    models = Models(database, inbox, clock, rules, tmp_path)
    await models.prepare()

    def make() -> Watch:
        if name == "models":
            return ModelsWatch(rules, clock, database, models.frames)
        return (MetricsWatch if name == "metrics" else LogsWatch)(rules, clock)

    async def event() -> Event:
        now = int(clock.now.timestamp() * 1000)
        labels = {"service": "checkout"}
        if name == "metrics":
            series = [Series({"__name__": f"m{n}", **labels}, [now], [random.normal()]) for n in range(3)]
            return SamplesEvent("prometheus", {}, series)
        if name == "logs":
            return LogsEvent("otlp", labels, [LogLine(now, f"order {n} was placed", "info") for n in range(4)])
        table = table_from({"price": random.normal(size=5)}, {"id": np.array([f"{now}-{n}" for n in range(5)], object)})
        return RowsEvent("models", "demand-forecast", RowsKind.PREDICTIONS, await models.frames.put(table), 5, {})

    return Subject(name, models, make, event)


async def test_entries_that_another_process_worked_through_are_not_missed(subject: Subject) -> None:
    ours, other = subject.make(), subject.make()
    worker = subject.worker(ours)
    await subject.feed(worker, 3)
    await subject.feed(subject.worker(other), 2)  # of which nobody tells us
    await subject.feed(worker)
    assert known(ours) == await subject.stored()


@pytest.mark.parametrize("behind", [1, 4])
async def test_a_mark_that_lies_behind_the_snapshots_teaches_nothing_twice(subject: Subject, behind: int) -> None:
    watch = subject.make()
    worker = subject.worker(watch)
    await subject.feed(worker, 5)
    subject.pipeline.clock.pass_(minutes=6)  # all snapshots are due
    await subject.feed(worker)
    async with subject.pipeline.database.write() as connection:
        position = await offsets.position_of(connection, 0)
        await snapshots.mark(connection, 0, subject.name, position - behind, subject.pipeline.clock.now)
    assert known(watch) == await subject.stored()


async def test_a_process_that_ends_between_snapshot_and_mark_leaves_neither(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = subject.worker(subject.make())
    await subject.feed(worker, 5)
    before = await subject.stored()
    subject.pipeline.clock.pass_(minutes=6)
    await subject.pipeline.append(await subject.event())

    async def ends(*_: Any) -> None:
        raise StorageUnavailable("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "forget", ends)  # behind the snapshots, before the mark
        with pytest.raises(StorageUnavailable):
            await worker.drain()
    assert await subject.stored() == before
    watch = subject.make()
    await subject.worker(watch).drain()
    assert known(watch) == await subject.stored() != before


async def test_a_batch_that_fails_is_learnt_once(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = subject.make()
    worker = subject.worker(watch)
    await subject.feed(worker, 3)
    await subject.pipeline.append(await subject.event())

    async def full(*_: Any) -> None:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(offsets, "advance", full)
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await worker.drain()
    await worker.drain()
    assert known(watch) == await subject.stored()
