"""What is learnt from incidents: a report of one, and figures about many, in Slack and by the API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.access.permission import Policy
from bot.domain.access.team import Team, Teams
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.incidents import lifecycle, ownership
from bot.storage.database import Database
from handlers.api.operation import Backend
from handlers.api.server import Api, Health
from handlers.api.tokens import Tokens
from handlers.slack.answers import NotDone
from handlers.slack.calls import SlackEndpoint
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import CHANNEL, MEMBER, office
from tests.integration.handlers.test_menu import _shown
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
POLICY = Policy(teams=Teams({"shop": Team(services=["ca*"])}))
TOKEN = "a-token-of-the-test"
HOSTILE = "<script>alert(1)</script> | *bold* `code` <!channel>"


@asynccontextmanager
async def _api(pipeline: Pipeline, inbox: Inbox) -> AsyncIterator[Callable[..., Any]]:
    backend = Backend(pipeline.database, pipeline.rules, pipeline.clock, policy=POLICY)
    health = Health(lambda: ("ok", True))
    app = web.Application()
    Api(pipeline.database, inbox, TOKEN, health, pipeline.clock, tokens=Tokens(TOKEN), backend=backend).add_routes(app)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:

        async def get(path: str, token: str = TOKEN) -> tuple[int, str, str]:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(server.make_url(path), headers=headers) as given:
                return given.status, given.content_type, await given.text()

        yield get


@pytest.fixture
async def told(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> Pipeline:
    """An incident that was acknowledged after 3 minutes, noted upon, and lasted 10."""
    pipeline = await Pipeline(database, inbox, clock, Rules(depends_on={"cart": ["db"]})).prepare()
    await pipeline.send(alert(service="cart"), alert(service="db", alertname="DiskFull", severity="critical"))
    incident = await pipeline.only_incident()
    clock.pass_(minutes=3)
    await lifecycle.acknowledge(database, incident.id, MEMBER, clock())
    await ownership.note(database, incident.id, HOSTILE, MEMBER, clock())
    clock.pass_(minutes=7)
    await pipeline.send(
        alert("resolved", service="cart"), alert("resolved", service="db", alertname="DiskFull", severity="critical")
    )
    return pipeline


async def test_the_report_has_impact_cause_evidence_notes_and_timeline_as_markdown(
    told: Pipeline, inbox: Inbox
) -> None:
    async with _api(told, inbox) as get:
        status, kind, text = await get("/api/incidents/1/report.md")
        incident = await told.only_incident()
        assert (await get(f"/api/incidents/{incident.id}/report.md"))[2] == text
    assert (status, kind) == (200, "text/markdown")
    assert text.startswith("# Incident #1: db was running out of disk") or text.startswith("# Incident #1: db ran out")
    for part in (
        "## Summary",
        "## Impact",
        "## Charts",
        "## Lessons",
        "## Likely cause",
        "## What was done",
        "## Notes",
        "## Timeline",
        "## Alerts",
    ):
        assert part in text
    assert f"| Acknowledged | by {MEMBER} |" in text
    assert "| Lasted | 10m |" in text
    assert "DiskFull fires on db" in text
    assert "<script>" not in text and "<!channel>" not in text
    assert r"\<script\>alert(1)\</script\> \| \*bold\* \`code\`" in text
    [table] = [part for part in text.split("\n\n") if part.startswith("| When (UTC)")]
    assert {row.replace(r"\|", "").count("|") for row in table.splitlines()} == {3}


async def test_the_report_is_for_those_who_may_read_and_of_what_there_is(told: Pipeline, inbox: Inbox) -> None:
    async with _api(told, inbox) as get:
        assert (await get("/api/incidents/1/report.md", "another"))[0] == 401
        assert (await get("/api/incidents/99/report.md"))[0] == 404
        assert (await get("/api/incidents/1/report.md?format=pdf"))[0] == 400


async def test_in_slack_the_report_is_a_file_in_the_thread_with_charts_beside_it(told: Pipeline) -> None:
    async with office(told, {}) as at:
        [ts] = await _shown(at)
        said = await at.typed(MEMBER, "report 1")
        [files] = [reply["files"] for reply in at.slack.replies(CHANNEL, ts) if reply.get("files")]
        file, *charts = files
        assert (file["name"], file["title"]) == ("incident-1.md", "Report of incident #1")
        assert [(one["name"], one["mimetype"], one["title"]) for one in charts] == [
            ("incident-1-1.png", "image/png", "When what fired")
        ]
        assert "DiskFull on db" in charts[0]["alt_txt"]
        async with aiohttp.ClientSession() as session, session.get(file["url_private"]) as given:
            assert (await given.text()).startswith("# Incident #1: ")
    assert "The report of incident #1 is in <" in said
    assert "|its thread>" in said


async def test_stats_say_how_fast_people_were_what_was_noise_and_whose_it_was(
    told: Pipeline, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    await told.send(alert(service="mail", cluster="b"))
    clock.pass_(minutes=2)
    await told.send(alert("resolved", service="mail", cluster="b"))
    endpoint = SlackEndpoint(told.database, {}, clock, lambda: None, policy=POLICY)
    whole, by_team, by_service = [
        str(await answer(endpoint, "/incident", typed, MEMBER))
        for typed in ("stats 30d", "stats 30d by team", "stats by service")
    ]
    with pytest.raises(NotDone, match="/incident stats 30d by team"):
        await answer(endpoint, "/incident", "stats forever", MEMBER)
    assert "*All* · 2 incidents · MTTA 3m · MTTR 6m · 0 reopened · 0 verified by itself · 1 noise" in whole
    assert "*shop* · 1 incident · MTTA 3m · MTTR 10m" in by_team
    assert "*(none)* · 1 incident · MTTA – · MTTR 2m" in by_team
    assert all(f"*{name}* · 1 incident" in by_service for name in ("cart", "db", "mail"))
    async with _api(told, inbox) as get:
        status, _, text = await get("/api/stats?days=30&by=team")
    assert status == 200
    assert '"mtta":180.0,"mttr":360.0' in text
    assert '"shop":{"incidents":1' in text


async def test_when_it_was_first_acknowledged_stays(told: Pipeline, clock: Clock, alert: MakeAlert) -> None:
    first = (await told.only_incident()).acknowledged_at
    assert first == clock() - timedelta(minutes=7)
    await told.send(alert(service="cart"))
    again = await told.only_incident()
    assert (again.open, again.acknowledged_by, again.acknowledged_at) == (True, None, first)
