"""What tables add to alerts is stored with them, so that it correlates, and a replay of what was stored is exact."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.commands.parts.recording import record
from bot.commands.parts.replay import replay_file
from bot.config import Config
from bot.config.load import load_config
from bot.inbox.inbox import Inbox
from bot.inbox.intake import Intake
from bot.storage.database import Database
from handlers.http.endpoint import add_webhook_routes, parse_delivery
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no other statement is made here

TOKEN = "a-token-of-some-length"
STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANCES = "instance,service,team\n10.0.0.7:9000,cart,shop\n10.0.0.8:9000,cart,shop\n"


def config(folder: Path, table: str = INSTANCES) -> Config:
    (folder / "instances.csv").write_text(table)
    (folder / "tandem.yaml").write_text("enrich: [{csv: instances.csv, on: [instance], add: [service, team]}]")
    return load_config(folder / "tandem.yaml")[0]


def body() -> dict[str, object]:
    alerts = [
        {"status": "firing", "labels": {"alertname": name, "instance": where}, "startsAt": STARTED.isoformat()}
        for name, where in (("Slow", "10.0.0.7:9000"), ("Broken", "10.0.0.8:9000"))
    ]
    return {"version": "4", "status": "firing", "groupKey": "", "alerts": alerts}


@pytest.fixture
async def url(inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[str]:
    intake, app = Intake(inbox), web.Application()
    enrichment = config(tmp_path).enrichment
    add_webhook_routes(app, intake, TOKEN, clock, ["cluster"], 16, enrichment=enrichment)
    runner = web.AppRunner(app, access_log=None)
    intake.start()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/webhooks/alertmanager"
    await runner.cleanup()
    await intake.stop()


async def post(url: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession() as session, session.post(url, json=body(), headers=headers) as answer:
        assert answer.status == 202


async def test_alerts_are_stored_with_what_a_table_adds_and_are_one_service(
    url: str, database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    pipeline = await Pipeline(database, inbox, clock, config(tmp_path).rules()).prepare()
    await post(url)
    await pipeline.worker.drain()
    [incident] = await pipeline.incidents()
    assert incident.services == ["cart"]
    assert {alert.labels["team"] for alert in await pipeline.alerts_of(incident)} == {"shop"}


async def test_a_replay_of_what_was_stored_needs_no_table_and_one_of_bodies_uses_that_of_today(
    url: str, inbox: Inbox, database_url: str, tmp_path: Path
) -> None:
    await post(url)
    other = config(tmp_path, INSTANCES.replace("10.0.0.8:9000,cart", "10.0.0.8:9000,mail"))
    stored = tmp_path / "stored.jsonl"
    await record(database_url, stored)
    assert len(await replay_file(stored, other, parse_delivery)) == 1
    bodies = tmp_path / "bodies.jsonl"
    at = (STARTED + timedelta(seconds=10)).isoformat()
    bodies.write_text(json.dumps({"received_at": at, "source": "alertmanager", "body": body()}))
    assert len(await replay_file(bodies, other, parse_delivery)) == 2
