"""Metrics under watch: series that flow minute by minute, and what the pipeline makes of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random

from bot.domain.event import SamplesEvent, Series
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import MetricRules
from bot.inbox.inbox import Inbox
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values

Shape = Callable[[], float]
Labels = Mapping[str, str]
LEARNT = 500


def rules(**metrics: object) -> Rules:
    watch = {"latency": {"match": ["__name__=~latency.*|requests_total"], "one_false_alarm_in": "7d"}}
    return Rules(metrics=MetricRules.model_validate({"watch": watch, **metrics}), partitions=1)


def labels(instance: int = 0, **more: str) -> dict[str, str]:
    return {"__name__": "latency_seconds", "service": "checkout", "pod": f"checkout-{instance}", **more}


def noise(seed: int, level: float = 100.0) -> Shape:
    random = Random(seed)
    return lambda: random.gauss(level, 1.0)


class Metrics:
    """Series by their labels, each with the shape of its values; one delivery holds a sample of each."""

    def __init__(self, pipeline: Pipeline, flows: Sequence[tuple[Labels, Shape]]) -> None:
        self.pipeline, self.clock, self.flows = pipeline, pipeline.clock, list(flows)
        self.restart()

    def restart(self) -> None:
        """A process that knows nothing but what is stored."""
        one = self.pipeline
        one.worker = Worker(one.services, plan_without_values, watches(one.rules, one.clock))

    async def learn(self, minutes: int = LEARNT) -> None:
        """What came before now, ten minutes at a time."""
        for ago in range(minutes, 0, -10):
            times = [int((self.clock.now - timedelta(minutes=ago - n)).timestamp() * 1000) for n in range(min(10, ago))]
            series = [Series(dict(names), times, [shape() for _ in times]) for names, shape in self.flows]
            await self.pipeline.append(SamplesEvent("prometheus", {}, series))
        await self.pipeline.worker.drain()

    async def minutes(self, count: int) -> None:
        """A sample of each series every minute, with a tick."""
        for _ in range(count):
            now = int(self.clock.now.timestamp() * 1000)
            await self.send([Series(dict(names), [now], [shape()]) for names, shape in self.flows])
            await self.pass_(minutes=1)

    async def wait_in_the_inbox(self, minutes: int) -> None:
        """A sample of each series every minute, while nobody works on them."""
        for _ in range(minutes):
            now = int(self.clock.now.timestamp() * 1000)
            series = [Series(dict(names), [now], [shape()]) for names, shape in self.flows]
            await self.pipeline.append(SamplesEvent("prometheus", {}, series))
            self.clock.pass_(minutes=1)

    async def pass_(self, **span: float) -> None:
        self.clock.pass_(**span)
        await self.pipeline.worker.tick()

    async def send(self, series: list[Series]) -> None:
        await self.pipeline.send(SamplesEvent("prometheus", {}, series))


async def flowing(
    database: Database, inbox: Inbox, clock: Clock, ruled: Rules, flows: Sequence[tuple[Labels, Shape]]
) -> Metrics:
    """Series that were learnt, and are calm."""
    metrics = Metrics(await Pipeline(database, inbox, clock, ruled).prepare(), flows)
    await metrics.learn()
    return metrics
