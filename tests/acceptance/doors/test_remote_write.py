"""A real Prometheus writes to a real bot: what is watched is in its inbox, and what it could not take comes again."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.event import SamplesEvent, Series, decode_events
from tests.acceptance.harness import Tandem, running, until
from tests.acceptance.prometheus import Exporter, needs_prometheus_alone, writing
from tests.acceptance.wire import get

PATIENCE = 30
CONFIG = {"metrics": {"watch": {"latency": {"match": ["__name__=shop_latency_seconds"]}}}}

pytestmark = needs_prometheus_alone


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    async with running(tmp_path, CONFIG) as tandem:
        yield tandem


@pytest.fixture
async def exporter() -> AsyncIterator[Exporter]:
    async with Exporter() as exporter:
        yield exporter


def _inbox(tandem: Tandem) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(tandem.folder / "tandem.inbox.db", timeout=10, isolation_level=None))


def _kept(tandem: Tandem) -> list[Series]:
    with _inbox(tandem) as connection:
        payloads = connection.execute("SELECT payload FROM inbox WHERE source = 'prometheus' ORDER BY seq").fetchall()
    events = [event for (payload,) in payloads for event in decode_events(payload)]
    return [series for event in events if isinstance(event, SamplesEvent) for series in event.series]


def _values(tandem: Tandem) -> set[float]:
    return {value for series in _kept(tandem) for value in series.values}


async def _is_kept(tandem: Tandem, value: float) -> None:
    async def kept() -> bool:
        return value in _values(tandem)

    await until(kept, f"{value} is in the inbox", PATIENCE)


async def _counted(tandem: Tandem, metric: str) -> float:
    lines = (await get(f"{tandem.url}/metrics")).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(metric + " ")), 0)


async def _refused(tandem: Tandem) -> float:
    return await _counted(tandem, 'tandem_requests_refused_total{status="503"}')


async def test_what_prometheus_scrapes_and_somebody_watches_is_in_the_inbox(tandem: Tandem, exporter: Exporter) -> None:
    async with writing(exporter, tandem):
        exporter.latencies["checkout"] = 0.123
        await _is_kept(tandem, 0.123)
    [labels] = {tuple(sorted(series.labels.items())) for series in _kept(tandem)}
    assert dict(labels) == {
        **{"__name__": "shop_latency_seconds", "service": "checkout", "job": "shop"},
        "instance": f"127.0.0.1:{exporter.port}",
    }
    assert await _counted(tandem, 'tandem_telemetry_left_out_total{door="remote_write",reason="unwatched"}') > 0


async def test_what_the_bot_could_not_store_is_written_again(tandem: Tandem, exporter: Exporter) -> None:
    async with writing(exporter, tandem) as prometheus:
        await _is_kept(tandem, 0.1)
        with _inbox(tandem) as connection:
            connection.execute("ALTER TABLE inbox RENAME TO elsewhere")
            exporter.latencies["checkout"] = 0.456

            async def scraped() -> bool:
                found = await get(f"http://127.0.0.1:{prometheus}/api/v1/query?query=shop_latency_seconds==0.456")
                return bool(found.json["data"]["result"])

            await until(scraped, "Prometheus knows what it cannot write", PATIENCE)
            before = await _refused(tandem)

            async def refused_again() -> bool:
                return await _refused(tandem) > before

            await until(refused_again, "the bot has answered 503", PATIENCE)
            exporter.latencies["checkout"] = 0.789
            connection.execute("ALTER TABLE elsewhere RENAME TO inbox")
        await _is_kept(tandem, 0.789)
    assert 0.456 in _values(tandem)
