"""The life of one watched group: its samples through the watch's own code, and when it alarmed."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.domain.event import SamplesEvent, Series
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import MetricRules
from bot.inbox.inbox import Entry
from bot.watches.metrics.learn import Learner, Room
from bot.watches.metrics.memory import Memory
from bot.watches.metrics.outcome import alerts_after_batch
from bot.watches.quiet_times import QuietTimes
from bot.watches.snapshots import Changes
from tests.benchmarks.promise.noise import BEGIN, DAY, Flow, group

_BATCH = 600.0

__all__ = ["DAY", "Life", "life"]


class Life(NamedTuple):
    """When a group began to be judged, for how many seconds it was, and when it alarmed."""

    began: float
    judged: float
    alarms: list[float]


def life(kind: str, seed: int, series: int, interval: float, span: float, days: int) -> Life:
    return asyncio.run(_lived(group(kind, seed, series, interval), interval, span, BEGIN + days * DAY))


async def _lived(flows: Sequence[Flow], interval: float, span: float, end: float) -> Life:
    watch = {"all": {"match": ["__name__=~.*"], "one_false_alarm_in": timedelta(seconds=span)}}
    rules = Rules(metrics=MetricRules.model_validate({"watch": watch}), partitions=1)
    memory = Memory(rules, BEGIN, Changes())
    batches = [_Batches(flow) for flow in flows]
    fired, until, position = False, BEGIN, 0
    alarms: list[float] = []
    while until < end:
        until, position = until + _BATCH, position + 1
        now = datetime.fromtimestamp(until, UTC)
        delivered = [one for flow in batches if (one := flow.up_to(until)).times]
        learner = Learner(memory, rules, Room(10_000, lambda: 0), {}, QuietTimes((), rules))
        await learner.learn(Entry(position, now, [SamplesEvent("prometheus", {}, delivered)]))
        for touched in learner.touched.values():
            alerts_after_batch(touched, rules, now)
            firing = touched.state.off_course
            if firing is not None and not fired:
                alarms.append(firing.since)
            fired = firing is not None
    [watched] = memory.groups.values()
    began = watched.state.evidence.tail.began or end
    return Life(began, end - began, alarms)


class _Batches:
    """The samples of a series, a delivery after the other."""

    def __init__(self, flow: Flow) -> None:
        self._labels, self._samples = flow.labels, flow.samples
        self._next = next(self._samples)

    def up_to(self, end: float) -> Series:
        taken = list(self._taken(end))
        return Series(dict(self._labels), [int(at * 1000) for at, _ in taken], [value for _, value in taken])

    def _taken(self, end: float) -> Iterator[tuple[float, float]]:
        while self._next[0] < end:
            yield self._next
            self._next = next(self._samples)
