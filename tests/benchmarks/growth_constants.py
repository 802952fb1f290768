"""What the reckoning for very many alerts needs: the cost of an alert at the door, and in each kind of inbox."""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.inbox.inbox import NewEntry, open_inbox
from bot.inbox.intake import entries_for
from bot.storage.database import open_database
from tests.acceptance.harness import TOKEN, alert, delivery, running
from tests.benchmarks.growth_meter import Figures, Meter
from tests.benchmarks.load import put_load
from tests.conftest import Clock

A_DELIVERY = 20
AT_A_TIME = 50
"""Deliveries in one commit."""
COMMITS = 40
LOAD_SECONDS = 5.0


async def door(alerts: int) -> Figures:
    """``tandem run`` on SQLite under load: so many alerts a delivery. A twentieth of its CPU goes to the pipeline."""
    body = json.dumps(delivery(*(alert(pod=f"pod-{n}", cluster="eu") for n in range(alerts)))).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with tempfile.TemporaryDirectory(prefix="tandem-growth-") as folder:
        async with running(Path(folder), {}, forked=False) as tandem:
            assert tandem.process is not None
            process = psutil.Process(tandem.process.pid)
            url = f"{tandem.url}/webhooks/alertmanager"
            await asyncio.to_thread(put_load, url, headers, body, 1.0)
            before = sum(process.cpu_times()[:2])
            load = await asyncio.to_thread(put_load, url, headers, body, LOAD_SECONDS)
            used = sum(process.cpu_times()[:2]) - before
    return {"cpu_us_an_alert": used / (load.accepted * alerts) * 1e6, "alerts_per_s": load.rate * alerts}


async def inbox(url: str, inbox_url: str | None = None, server: int | None = None) -> Figures:
    """Commits one after the other, as the intake makes them, and one reader of one partition."""
    with tempfile.TemporaryDirectory(prefix="tandem-growth-") as folder:
        database = open_database(url or f"sqlite:///{folder}/growth.db")
        inbox = open_inbox(database, inbox_url)
        await database.migrate()
        await inbox.prepare(0)
        groups, meter = [_entries(n) for n in range(COMMITS)], Meter(server=server)
        slowest = 0.0
        with meter.running(), _wal(url) as wal:
            for group in groups:
                began = time.perf_counter()
                await inbox.append(group)
                slowest = max(slowest, time.perf_counter() - began)
        await inbox.close()
        await database.close()
    done, alerts = meter.least(), COMMITS * AT_A_TIME * A_DELIVERY
    found: Figures = {
        "alerts_per_s": alerts / done.wall,
        "cpu_us_an_alert": done.cpu / alerts * 1e6,
        "bytes_an_alert": sum(len(entry.payload) for group in groups for entry in group) / alerts,
        "commits_per_s": COMMITS / done.wall,
        "slowest_commit_ms": slowest * 1e3,
    }
    if done.server_cpu:
        found["server_cpu_us_an_alert"] = done.server_cpu / alerts * 1e6
    return found | ({"wal_bytes_an_alert": wal[0] / alerts} if wal else {})


def _entries(commit: int) -> list[NewEntry]:
    """The alerts of :func:`tests.benchmarks.storage_cost._told` in length."""
    clock = Clock()
    entries: list[NewEntry] = []
    for n in range(AT_A_TIME):
        events = [_event(clock, f"{commit}-{n}", one) for one in range(A_DELIVERY)]
        entries += entries_for(events, "alertmanager", clock.now, ["cluster"], 16)
    return entries


def _event(clock: Clock, delivery: str, number: int) -> AlertEvent:
    pod = f"service-{delivery}-7c9d8f6b5d-{number:05x}"
    labels = {
        "alertname": "KubePodCrashLooping",
        "cluster": f"production-{delivery}",
        "container": "app",
        "instance": f"10.12.{number}.{number}:8080",
        "job": "kube-state-metrics",
        "namespace": "shop",
        "pod": pod,
        "service": f"service-{delivery}",
        "severity": "warning",
    }
    said = {
        "summary": f"Pod shop/{pod} is crash looping",
        "description": f"Pod shop/{pod} (app) is in waiting state (reason: CrashLoopBackOff).",
        "runbook_url": "https://runbooks.example/kubernetes/kubepodcrashlooping",
    }
    return AlertEvent(
        "alertmanager", fingerprint_of(labels), AlertStatus.FIRING, labels, clock.now, annotations=said, group=delivery
    )


@contextmanager
def _wal(url: str) -> Iterator[list[int]]:
    """Bytes that PostgreSQL has written to its log meanwhile; nothing on other engines."""
    written: list[int] = []
    if not url.startswith("postgresql"):
        yield written
        return
    with psycopg.connect(url, autocommit=True) as connection:
        before = _position(connection)
        yield written
        written.append(_position(connection) - before)


def _position(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
    assert row is not None
    return row[0]
