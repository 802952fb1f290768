"""What an alert costs, from the inbox to the incident, and whether that grows with how many are active."""

import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.rules import Rules
from tests.benchmarks.storm_alerts import BEGIN, Sent
from tests.benchmarks.storm_pipeline import deliveries, pipeline_in
from tests.integration.pipeline_driver import Pipeline

SIZE = 20
"""Alerts a delivery."""
WAVE = 1000
"""So many alerts of the past came at once, each time longer before the next than an incident takes in more."""


async def measure(sent: Sequence[Sent], rules: Rules) -> dict[str, float]:
    costs = {active: await _cost(sent, rules, active) for active in (1_000, 10_000, 100_000)}
    return {
        "alerts_per_s": 1 / costs[1_000],
        **{f"microseconds_at_{active}": costs[active] * 1e6 for active in (1_000, 10_000, 100_000)},
        "cost_ratio_100k": costs[100_000] / costs[1_000],
    }


async def _cost(sent: Sequence[Sent], rules: Rules, active: int) -> float:
    """Seconds an alert, while so many others are active."""
    with tempfile.TemporaryDirectory(prefix="tandem-storm-") as folder:
        async with pipeline_in(Path(folder), rules) as pipeline:
            await _fill(pipeline, sorted(rules.depends_on), active)
            begin = pipeline.clock.now
            began = time.perf_counter()
            for together in deliveries([one.event for one in sent], SIZE):
                pipeline.clock.now = begin + (together[0].starts_at - BEGIN)
                await pipeline.append(*together)
            await pipeline.worker.drain()
            return (time.perf_counter() - began) / len(sent)


async def _fill(pipeline: Pipeline, services: Sequence[str], active: int) -> None:
    """Alerts that fire and are never resolved, on all services in turn."""
    for wave in range(0, active, WAVE):
        events = [_lasting(services[n % len(services)], n, pipeline) for n in range(wave, min(wave + WAVE, active))]
        for together in deliveries(events, SIZE):
            await pipeline.append(*together)
        await pipeline.worker.drain()
        pipeline.clock.now += timedelta(minutes=11)


def _lasting(service: str, number: int, pipeline: Pipeline) -> AlertEvent:
    labels = {"alertname": f"Old{number % 40}", "service": service, "instance": f"i-{number}", "severity": "warning"}
    return AlertEvent("filler", fingerprint_of(labels), AlertStatus.FIRING, labels, pipeline.clock.now, group="old")
