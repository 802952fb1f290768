"""What a release with schema 0033 had learnt goes on: see tests/fixtures/learnt_0033/make_learnt.py."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from bot.domain.alert import Alert
from bot.domain.event import LogLine, LogsEvent
from bot.inbox.inbox import open_inbox
from bot.pipeline.worker import Worker
from bot.storage.database import open_database
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.fixtures.learnt_0033.make_learnt import lines, rules, samples, together
from tests.integration.pipeline_driver import Pipeline, plan_without_values

LEFT = Path(__file__).parents[3] / "fixtures" / "learnt_0033"
HALF_HOUR = 1800.0


@pytest.fixture
async def pipeline(tmp_path: Path, clock: Clock) -> AsyncIterator[Pipeline]:
    for dump in LEFT.glob("*.sql"):
        with closing(sqlite3.connect(tmp_path / f"{dump.stem}.db")) as connection:
            connection.executescript(dump.read_text())
    clock.pass_(hours=5, minutes=15)
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    await database.migrate()
    inbox = open_inbox(database)
    await inbox.prepare(0)
    pipeline = await Pipeline(database, inbox, clock, rules()).prepare()
    pipeline.worker = Worker(pipeline.services, plan_without_values, watches(rules(), clock))
    yield pipeline
    await inbox.close()
    await database.close()


async def firing(pipeline: Pipeline) -> list[Alert]:
    found = [alert for one in await pipeline.incidents() for alert in await pipeline.alerts_of(one)]
    return [alert for alert in found if alert.firing]


async def go_on(pipeline: Pipeline, half_hours: int, off: float = 1.0) -> None:
    random = Random(9)
    for _ in range(half_hours):
        begin = pipeline.clock.now.timestamp()
        pipeline.clock.now += timedelta(seconds=HALF_HOUR)
        await pipeline.send(samples(begin, 6, random, off, pod=0), lines(begin, 30))
        await pipeline.worker.tick()


async def test_series_and_lines_are_judged_by_what_was_learnt_before(pipeline: Pipeline) -> None:
    assert [alert.name for alert in await firing(pipeline)] == ["MetricAnomaly"]
    await go_on(pipeline, 4)
    assert await firing(pipeline) == [], "what fired ends with good data, and nothing that was known is new"
    await go_on(pipeline, 1, off=3.0)
    [alert] = await firing(pipeline)
    assert (alert.name, alert.labels["pod"]) == ("MetricAnomaly", "checkout-0")
    assert "usually" in alert.annotations["summary"]


async def test_a_line_that_was_never_there_is_new_at_once(pipeline: Pipeline) -> None:
    await go_on(pipeline, 1)
    at = int(pipeline.clock.now.timestamp() * 1000)
    unseen = [LogLine(at + 1000, "cannot reach the ledger: connection refused")]
    await pipeline.send(LogsEvent("otlp", {"service": "cart"}, unseen))
    pipeline.clock.pass_(minutes=2)
    await pipeline.worker.tick()
    assert "UnseenLogLine" in {alert.name for alert in await firing(pipeline)}


async def test_services_that_came_together_still_did(pipeline: Pipeline) -> None:
    for event in together(pipeline.clock):
        await pipeline.send(event)
    found = [alert for one in await pipeline.incidents() for alert in await pipeline.alerts_of(one)]
    assert {alert.service for alert in found} >= {"queue", "mailer"}
