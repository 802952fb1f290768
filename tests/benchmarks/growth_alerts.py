"""What an alert costs, from the inbox to the incident, by how many clusters, active alerts and services there are."""

import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import yaml

from bot.config.load import load_config
from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import open_inbox
from bot.inbox.intake import entries_for
from bot.storage.database import open_database
from tests.benchmarks.growth_meter import Figures, Meter
from tests.benchmarks.storm.pipeline import deliveries
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

A_DELIVERY = 4
"""Alerts, of one service."""
ROUNDS = 2
WAVE = 1_000
"""So many alerts of the past came at once, each time longer before the next than an incident takes in more."""
ALERTS_OF = 10
"""Services, where not all have alerts."""
ALIKE = 500
"""Services with alerts, however many there are: as many as open the same number of incidents."""

Deliveries = Sequence[tuple[str, str]]
"""The cluster and the service of each."""


@asynccontextmanager
async def pipeline_at(rules: Rules, url: str = "") -> AsyncIterator[Pipeline]:
    """On SQLite, if no address is given."""
    with tempfile.TemporaryDirectory(prefix="tandem-growth-") as folder:
        database = open_database(url or f"sqlite:///{folder}/growth.db")
        inbox = open_inbox(database)
        try:
            await database.migrate()
            await inbox.prepare(0)
            yield await Pipeline(database, inbox, Clock(), rules).prepare()
        finally:
            await inbox.close()
            await database.close()


async def clusters(count: int, partitions: int, alerts: int, url: str = "", server: int | None = None) -> Figures:
    """The same alerts, spread over so many clusters and partitions; clusters have services of the same names."""
    rules = Rules(correlation=CorrelationRules(service_labels=["service"]), partitions=partitions)
    async with pipeline_at(rules, url) as pipeline:
        meter = Meter(pipeline.database, server)
        figures = await _rounds(pipeline, _spread(count, alerts), meter)
        return figures | {"ms_a_tick": await _tick(pipeline)}


async def clusters_with_hosts(count: int) -> Figures:
    """One service, which runs on four hosts in each of so many clusters of a partition, in trouble in all of them."""
    rules = Rules(correlation=CorrelationRules(service_labels=["service"]), partitions=1)
    async with pipeline_at(rules) as pipeline:
        spread = _spread(count, count * A_DELIVERY)
        return await _rounds(pipeline, spread, Meter(pipeline.database), hosts=True)


def _spread(clusters: int, alerts: int) -> list[tuple[str, str]]:
    return [(f"cluster-{n % clusters}", f"service-{n // clusters}") for n in range(alerts // A_DELIVERY)]


async def _tick(pipeline: Pipeline) -> float:
    """CPU milliseconds for looking whether there is anything to do when there is not."""
    await pipeline.worker.tick()
    began = time.process_time()
    for _ in range(20):
        await pipeline.worker.tick()
    return (time.process_time() - began) / 20 * 1e3


async def active(count: int, alerts: int) -> Figures:
    """New alerts while so many others, of the same 100 services, are active."""
    async with pipeline_at(Rules(correlation=CorrelationRules(service_labels=["service"]))) as pipeline:
        spread = [("eu", f"service-{n % 100}") for n in range(alerts // A_DELIVERY)]
        for first in range(0, count, WAVE):
            past = [spread[n % len(spread)] for n in range(min(WAVE, count - first) // A_DELIVERY)]
            await _append(pipeline, past, f"old-{first}")
            await pipeline.worker.drain()
            pipeline.clock.pass_(minutes=11)
        return await _rounds(pipeline, spread, Meter(pipeline.database))


async def services(count: int, all_of_them: bool, alerts: int) -> Figures:
    """Alerts of ten services, or of all, of the many in tandem.yaml: each depends on two others, as in a tree."""
    rules, load_ms = _read(count)
    async with pipeline_at(rules) as pipeline:
        those = count if all_of_them else ALERTS_OF
        told = alerts // A_DELIVERY
        spread = [("eu", f"service-{n * those // told}") for n in range(told)]
        return await _rounds(pipeline, spread, Meter(pipeline.database)) | {"load_ms": load_ms}


async def services_alike(count: int, alerts: int) -> Figures:
    """As many incidents whatever the number of services: 500 services have alerts, in as many clusters as that takes,
    all in one partition."""
    rules, _ = _read(count)
    async with pipeline_at(msgspec.structs.replace(rules, partitions=1)) as pipeline:
        told, each = alerts // A_DELIVERY, min(count, ALIKE)
        those = [(f"cluster-{n // each}", f"service-{n % each}") for n in range(ALIKE)]
        return await _rounds(pipeline, [those[n * ALIKE // told] for n in range(told)], Meter(pipeline.database))


def _read(count: int) -> tuple[Rules, float]:
    """The rules of a tandem.yaml with so many services, and CPU milliseconds for reading it."""
    needs = {n: [m for m in (2 * n + 1, 2 * n + 2) if m < count] for n in range(count)}
    known = {f"service-{n}": {"depends_on": [f"service-{m}" for m in needed]} for n, needed in needs.items()}
    with tempfile.TemporaryDirectory(prefix="tandem-growth-") as folder:
        path = Path(folder) / "tandem.yaml"
        path.write_text(yaml.safe_dump({"services": known}))
        began = time.process_time()
        config, _ = load_config(path)
        return config.rules(), (time.process_time() - began) * 1e3


async def _rounds(pipeline: Pipeline, spread: Deliveries, meter: Meter, hosts: bool = False) -> Figures:
    """The alerts come all at once, a few times, each time anew and two hours later."""
    before = await _opened(pipeline)
    for number in range(ROUNDS):
        await _append(pipeline, spread, f"round-{number}", hosts)
        with meter.running():
            await pipeline.worker.drain()
        pipeline.clock.pass_(hours=2)
    alerts = len(spread) * A_DELIVERY
    opened = (await _opened(pipeline) - before) / ROUNDS
    return meter.least().figures(alerts) | {"incidents": opened, "alerts_an_incident": alerts / opened}


async def _opened(pipeline: Pipeline) -> int:
    """How many incidents there ever were."""
    return max((one.number for one in await pipeline.incidents()), default=0)


async def _append(pipeline: Pipeline, spread: Deliveries, round_: str, hosts: bool = False) -> None:
    """Committed together, as at a busy door."""
    told = [list(_told(pipeline, cluster, service, n, round_, hosts)) for n, (cluster, service) in enumerate(spread)]
    now, by, partitions = pipeline.clock.now, pipeline.rules.correlation.partition_by, pipeline.rules.partitions
    for together in deliveries(told, 500):
        entries = [one for events in together for one in entries_for(events, "alertmanager", now, by, partitions)]
        await pipeline.inbox.append(entries)


def _told(
    pipeline: Pipeline, cluster: str, service: str, delivery: int, round_: str, hosts: bool
) -> Iterator[AlertEvent]:
    for n in range(A_DELIVERY):
        labels = {
            "alertname": f"Alert{(delivery + n) % 40}",
            "cluster": cluster,
            "service": service,
            "pod": f"{service}-{delivery}-{n}",
            "severity": "warning",
            "round": round_,
            **({"node": f"{cluster}-node-{n}"} if hosts else {}),
        }
        group = f"{cluster}/{service}"
        now = pipeline.clock.now
        yield AlertEvent("alertmanager", fingerprint_of(labels), AlertStatus.FIRING, labels, now, group=group)
