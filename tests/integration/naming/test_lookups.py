"""Labels that another system is asked for: kept for a while, used on when it is away, never in the way of an alert."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from bot.commands.registry import assemble
from bot.components.partitions import state as opening
from bot.components.partitions.state import make_lookups
from bot.config.load import load_config
from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.inbox.intake import Intake
from bot.integrations.enrichment import Lookups
from bot.integrations.enrichment.source import AT_ONCE
from bot.pipeline.batch import Batch
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.services import Services
from bot.storage.database import Database
from handlers.http.endpoint import Limits, add_webhook_routes
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no other statement is made here

TOKEN = "a-token-of-some-length"
STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Cmdb:
    """Answers with the owner of a service; ``status`` and ``waits`` let it misbehave."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    status: int = 200
    answer: str = '{"owner": {"name": "shop"}, "tier": 1}'
    waits: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.waits is not None:
            await self.waits.wait()
        return web.Response(text=self.answer, status=self.status, content_type="application/json")


@pytest.fixture
async def cmdb() -> AsyncIterator[Cmdb]:
    made, app = Cmdb(), web.Application()
    app.router.add_get("/services/{name}", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    if made.waits:
        made.waits.set()
    await runner.cleanup()


def configuration(cmdb: Cmdb, folder: Path, private: str = "true") -> Path:
    (folder / "tandem.yaml").write_text(
        f"""enrich:
  - {{regex: {{from: instance, pattern: '(?P<service>[a-z]+)-\\d+'}}}}
  - http: {{url: "{cmdb.url}/services/{{service}}", fields: {{team: owner.name}}, allow_private: {private}, ttl: 10m}}
    add: [team, tier]
severities: {{}}
"""
    )
    return folder / "tandem.yaml"


@dataclass
class Desk:
    """An endpoint that asks, and the pipeline behind it."""

    url: str
    pipeline: Pipeline
    lookups: Lookups
    services: Services

    async def post(self, instance: str = "cart-1") -> None:
        alert = {"status": "firing", "labels": {"alertname": "Slow", "instance": instance}}
        body = {"version": "4", "status": "firing", "groupKey": "", "alerts": [alert]}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.post(self.url, json=body, headers=headers) as answer,
        ):
            assert (answer.status, await answer.json()) == (202, {"accepted": 1})
        await self.pipeline.worker.drain()

    async def labels(self) -> dict[str, str]:
        [alert] = await self.pipeline.alerts_of(await self.pipeline.only_incident())
        return alert.labels

    async def annotations(self) -> dict[str, str]:
        [alert] = await self.pipeline.alerts_of(await self.pipeline.only_incident())
        return alert.annotations


@pytest.fixture
async def desk(
    cmdb: Cmdb, database: Database, inbox: Inbox, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr(opening, "utc_now", clock)
    config, _ = load_config(configuration(cmdb, tmp_path))
    rules = config.rules()
    lookups, intake, app = make_lookups(config, rules), Intake(inbox), web.Application()
    limits = Limits(look_up=lookups.prepare)
    fast = add_webhook_routes(app, intake, TOKEN, clock, ["cluster"], 16, limits=limits, enrichment=rules.enrichment)
    assert not fast, "the fast path waits for nobody"
    runner = web.AppRunner(app, access_log=None)
    intake.start()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/alertmanager"
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    services = Services(database, inbox, rules, clock, look_up=lookups.prepare)
    yield Desk(url, pipeline, lookups, services)
    await runner.cleanup()
    await intake.stop()
    await lookups.close()


async def test_an_alert_is_stored_with_what_a_system_knows_which_is_asked_once(desk: Desk, cmdb: Cmdb) -> None:
    await desk.post()
    await desk.post()
    labels = await desk.labels()
    assert (labels["service"], labels["team"], labels["tier"]) == ("cart", "shop", "1")
    assert cmdb.asked == ["/services/cart"]


async def test_an_old_answer_is_renewed_and_one_that_cannot_be_is_used_and_says_so(
    desk: Desk, cmdb: Cmdb, clock: Clock
) -> None:
    await desk.post()
    clock.pass_(minutes=11)
    cmdb.answer = '{"owner": {"name": "money"}}'
    await desk.post()
    assert (await desk.labels())["team"] == "money"
    clock.pass_(minutes=11)
    cmdb.status = 500
    await desk.post()
    assert (await desk.labels())["team"] == "money"
    assert (await desk.annotations())["enriched_stale"] == "team: 127.0.0.1 does not answer; as of 2026-03-01 12:11 UTC"
    clock.pass_(minutes=1)
    cmdb.status = 200
    await desk.post()
    assert "enriched_stale" not in await desk.annotations()


async def test_a_system_that_does_not_answer_costs_no_alert_and_is_left_alone_after_some_failures(
    desk: Desk, cmdb: Cmdb, clock: Clock
) -> None:
    cmdb.status = 503
    for name in ("cart", "mail", "auth", "web", "api"):
        await desk.post(f"{name}-1")
    assert len(cmdb.asked) == 3
    assert sum([len(one.services) for one in await desk.pipeline.incidents()]) == 5
    clock.pass_(minutes=6)
    cmdb.status = 200
    await desk.post("late-1")
    assert cmdb.asked[-1] == "/services/late"


async def test_what_waits_for_its_turn_is_not_asked_of_a_system_that_is_left_alone_meanwhile(
    desk: Desk, cmdb: Cmdb
) -> None:
    cmdb.status = 503
    many = [AlertEvent("x", str(n), AlertStatus.FIRING, {"service": f"s-{n}"}, STARTED) for n in range(200)]
    await desk.lookups.prepare(many)
    assert len(cmdb.asked) <= 2 * AT_ONCE
    assert not desk.pipeline.rules.enrichment.has_unasked(many)


async def test_an_alert_waits_for_no_answer_for_long_and_has_it_with_its_next_delivery(desk: Desk, cmdb: Cmdb) -> None:
    cmdb.waits = asyncio.Event()
    await desk.post()
    assert "team" not in await desk.labels()
    assert desk.lookups.reasons == {"127.0.0.1": "127.0.0.1 does not answer in time"}


@pytest.mark.parametrize(
    ("answer", "why"), [("[1", "no JSON"), ('"x"', ""), ('{"owner": "' + "x" * 70_000 + '"}', "more than 64 KiB")]
)
async def test_an_answer_of_another_form_adds_nothing(desk: Desk, cmdb: Cmdb, answer: str, why: str) -> None:
    cmdb.answer = answer
    await desk.post()
    assert "team" not in await desk.labels()
    assert why in desk.lookups.reasons.get("127.0.0.1", "")


@pytest.mark.usefixtures("database_url")
async def test_a_private_address_is_not_asked_unless_that_is_meant(cmdb: Cmdb, tmp_path: Path) -> None:
    config, _ = load_config(configuration(cmdb, tmp_path, private="false"))
    rules = config.rules()
    lookups = make_lookups(config, rules)
    await lookups.prepare([AlertEvent("x", "f", AlertStatus.FIRING, {"service": "cart"}, STARTED)])
    await lookups.close()
    assert (cmdb.asked, "allow_private: true" in lookups.reasons["127.0.0.1"]) == ([], True)


class Finds:
    """A watch that finds one thing with each batch, and forgets what it knew of one that failed."""

    forgot = 0

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        labels = {"alertname": "MetricAnomaly", "service": "stock"}
        batch.findings.append(AlertEvent("tandem", "found", AlertStatus.FIRING, labels, batch.now))

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        pass

    def awaiting(self) -> set[int]:
        return set()

    def forget(self, partition: int) -> None:
        self.forgot += 1


async def test_what_a_watch_finds_is_looked_up_outside_of_the_transaction(desk: Desk, cmdb: Cmdb) -> None:
    watch = Finds()
    desk.pipeline.worker = Worker(desk.services, make_plan, [watch])
    await desk.post("stock-1")
    await desk.post("stock-1")
    found = {
        alert.name: alert for one in await desk.pipeline.incidents() for alert in await desk.pipeline.alerts_of(one)
    }
    assert found["MetricAnomaly"].labels["team"] == "shop"
    assert (cmdb.asked, watch.forgot) == (["/services/stock"], 0)
    desk.pipeline.rules.enrichment.lookups[0].answers.__init__()  # type: ignore[misc]
    await desk.post("other-1")
    assert watch.forgot == 1, "the batch was begun anew, after it was asked"
    assert cmdb.asked[-1] == "/services/stock"


async def test_a_reload_goes_on_with_what_is_known(desk: Desk, cmdb: Cmdb, tmp_path: Path) -> None:
    await desk.post()
    after: Rules = load_config(configuration(cmdb, tmp_path))[0].rules()
    after.enrichment.adopt(desk.pipeline.rules.enrichment)
    assert len(after.enrichment.lookups[0].answers) == 1


@pytest.mark.usefixtures("database_url")
async def test_try_source_shows_what_each_entry_adds(cmdb: Cmdb, tmp_path: Path) -> None:
    path = configuration(cmdb, tmp_path)
    alert = {"status": "firing", "labels": {"alertname": "Slow", "instance": "cart-1"}}
    (tmp_path / "body.json").write_text(json.dumps({"version": "4", "groupKey": "", "alerts": [alert]}))
    words = ["try-source", "alertmanager", str(tmp_path / "body.json"), "--config", str(path)]
    shown = await asyncio.to_thread(CliRunner().invoke, assemble(), words)
    assert shown.exit_code == 0, shown.output
    assert "enrich.0 (regex on instance, " in shown.output and "adds service=cart" in shown.output
    assert "adds team=shop, tier=1" in shown.output
    assert "nothing was sent but lookups to 127.0.0.1" in shown.output
