"""What an alert costs, from the inbox to the incident, and whether that grows with how many are active."""

import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.rules import Rules
from tests.benchmarks.storm.alerts import BEGIN, Sent
from tests.benchmarks.storm.pipeline import deliveries, pipeline_in
from tests.integration.pipeline_driver import Pipeline

SIZE = 20
"""Alerts a delivery."""
ROUNDS = 3
"""The least of so many rounds counts, because other programs only add."""
WAVE = 1000
"""So many alerts of the past came at once, each time longer before the next than an incident takes in more."""


class Cost(NamedTuple):
    """Seconds an alert: of one core's time in all threads; and by the clock, which waits for disk and others too."""

    cpu: float
    wall: float


async def measure(sent: Sequence[Sent], rules: Rules) -> dict[str, float]:
    costs = {active: await _cost(sent, rules, active) for active in (1_000, 10_000, 100_000)}
    return {
        "alerts_per_s": 1 / costs[1_000].cpu,
        "alerts_per_s_by_the_clock": 1 / costs[1_000].wall,
        **{f"microseconds_at_{active}": costs[active].cpu * 1e6 for active in costs},
        "cost_ratio_100k": costs[100_000].cpu / costs[1_000].cpu,
    }


async def _cost(sent: Sequence[Sent], rules: Rules, active: int) -> Cost:
    """What an alert costs while so many others are active."""
    with tempfile.TemporaryDirectory(prefix="tandem-storm-") as folder:
        async with pipeline_in(Path(folder), rules) as pipeline:
            await _fill(pipeline, sorted(rules.depends_on), active)
            return min([await _time(pipeline, sent, number) for number in range(ROUNDS)])


async def _time(pipeline: Pipeline, sent: Sequence[Sent], number: int) -> Cost:
    """One more storm of the same kind, with alerts that are new."""
    begin = pipeline.clock.now
    storm = [(one.arrives, _anew(one.event, number, begin - BEGIN)) for one in sent]
    began, began_at = time.process_time(), time.perf_counter()
    for together in deliveries(storm, SIZE):
        pipeline.clock.now = begin + timedelta(seconds=together[0][0])
        await pipeline.append(*(event for _, event in together))
    await pipeline.worker.drain()
    cpu, wall = time.process_time() - began, time.perf_counter() - began_at
    pipeline.clock.now += timedelta(hours=2)
    return Cost(cpu / len(sent), wall / len(sent))


def _anew(event: AlertEvent, number: int, later: timedelta) -> AlertEvent:
    labels = {**event.labels, "round": str(number)}
    begins = event.starts_at + later
    return msgspec.structs.replace(event, labels=labels, fingerprint=fingerprint_of(labels), starts_at=begins)


async def _fill(pipeline: Pipeline, services: Sequence[str], active: int) -> None:
    """Alerts that fire and are never resolved, on all services in turn."""
    for wave in range(0, active, WAVE):
        events = [_lasting(services[n % len(services)], n, pipeline) for n in range(wave, min(wave + WAVE, active))]
        for together in deliveries(events, SIZE):
            await pipeline.append(*together)
        await pipeline.worker.drain()
        pipeline.clock.now += timedelta(minutes=11)


def _lasting(service: str, number: int, pipeline: Pipeline) -> AlertEvent:
    labels = {"alertname": f"Old{number % 40}", "service": service, "shard": f"{number}", "severity": "warning"}
    return AlertEvent("filler", fingerprint_of(labels), AlertStatus.FIRING, labels, pipeline.clock.now, group="old")
