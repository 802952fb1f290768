"""The parts of a report that people write: proposed, edited in a form before it is posted, kept, and in the API's."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.config.api import ApiToken
from bot.domain.event import AlertEvent, Chart
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import audit
from handlers.api.operation import Backend
from handlers.api.server import Api, Health
from handlers.api.tokens import Tokens
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, Office, office
from tests.integration.handlers.test_menu import _shown
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
Ask = Callable[..., Awaitable[tuple[int, str]]]
TOKEN = "a-token-of-the-test"
CHART = Chart("p95 of cart", [1000 * n for n in range(5)], {"p95": [1.0, 2.0, None, 4.0, 8.0]}, unit="ms")


@pytest.fixture
async def over(pipeline: Pipeline, clock: Clock, alert: MakeAlert) -> Pipeline:
    await pipeline.send(msgspec.structs.replace(alert(service="cart"), chart=CHART))
    clock.pass_(minutes=4)
    await pipeline.send(alert("resolved", service="cart"))
    return pipeline


@asynccontextmanager
async def _api(pipeline: Pipeline, inbox: Inbox) -> AsyncIterator[Ask]:
    backend = Backend(pipeline.database, pipeline.rules, pipeline.clock)
    health = Health(lambda: ("ok", True))
    app = web.Application()
    ci = ApiToken.model_validate({"name": "ci", "secret": "CI", "scopes": ["incidents:read", "incidents:write"]})
    tokens = Tokens(None, [ci], {"TANDEM_SECRET_CI": TOKEN})
    Api(pipeline.database, inbox, TOKEN, health, pipeline.clock, tokens=tokens, backend=backend).add_routes(app)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:

        async def ask(method: str, path: str, body: Any = None) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with session.request(method, server.make_url(path), headers=headers, json=body) as given:
                return given.status, await given.text()

        yield ask


async def _form(at: Office) -> dict[str, Any]:
    async def opened() -> bool:
        return at.slack.view(MEMBER) is not None

    await until(opened, "a form is open")
    return at.slack.view(MEMBER) or {}


def _filled_in(form: dict[str, Any]) -> dict[str, str]:
    return {block["block_id"]: block["element"].get("initial_value", "") for block in form["blocks"][:3]}


def _files(at: Office, ts: str) -> list[list[str]]:
    replies = at.slack.replies(CHANNEL, ts)
    return [[file["name"] for file in reply["files"]] for reply in replies if reply.get("files")]


async def _markdown(pipeline: Pipeline, inbox: Inbox) -> str:
    async with _api(pipeline, inbox) as ask:
        return (await ask("GET", "/api/incidents/1/report.md"))[1]


async def test_the_report_of_what_is_over_is_written_in_a_form_and_then_posted(over: Pipeline, inbox: Inbox) -> None:
    async with office(over, {}) as at:
        [ts] = await _shown(at)
        assert await at.slack.click(MEMBER, CHANNEL, ts, "incident.report") == 200
        proposed = _filled_in(await _form(at))
        assert proposed["summary"].startswith("cart was slow")
        assert proposed["impact"] == "Services: cart. 1 alert fired, for 4m."
        assert proposed["lessons"] == ""
        assert _files(at, ts) == [], "nothing is posted before it was edited"
        written = {"summary": "The cache was cold.", "impact": "*All* <carts>", "lessons": "- warm it\n1. <b>soon</b>"}
        post = {"selected_option": {"value": "post"}}
        assert await at.slack.submit_view(MEMBER, {**written, "then": post}) == {}

        async def posted() -> bool:
            return len(_files(at, ts)) == 1

        await until(posted, "the report is in the thread")
        assert _files(at, ts) == [["incident-1.md", "incident-1-1.png", "incident-1-2.png"]]
        assert await at.slack.click(MEMBER, CHANNEL, ts, "incident.report") == 200
        assert _filled_in(await _form(at)) == written, "kept as it was written"
    text = await _markdown(over, inbox)
    assert "## Summary\n\nThe cache was cold.\n\n## Impact\n\n\\*All\\* \\<carts\\>" in text
    assert f"*Written by {MEMBER}.*" in text
    assert "## Lessons\n\n- warm it\n1. \\<b\\>soon\\</b\\>\n\n## Notes" in text
    assert "Wrote the report: summary, impact, lessons" in text


async def test_what_is_only_kept_is_posted_later(over: Pipeline) -> None:
    async with office(over, {}) as at:
        [ts] = await _shown(at)
        before = len(at.slack.ephemerals(MEMBER))
        await at.slack.command(MEMBER, CHANNEL, "/incident", "report 1 edit")
        await _form(at)
        keep = {"selected_option": {"value": "keep"}}
        assert await at.slack.submit_view(MEMBER, {"summary": "Cold cache", "impact": "", "then": keep}) == {}

        async def told() -> bool:
            return len(at.slack.ephemerals(MEMBER)) > before

        await until(told, "the person is told")
        assert "/incident report 1" in at.slack.ephemerals(MEMBER)[-1]["text"]
        assert _files(at, ts) == []
        await at.typed(MEMBER, "report 1")
        assert len(_files(at, ts)) == 1


async def test_who_may_write_no_note_may_write_no_report(over: Pipeline, database: Database) -> None:
    async with office(over, {"permissions": {"note": [MEMBER]}}) as at:
        await _shown(at)
        await at.slack.command(GUEST, CHANNEL, "/incident", "report 1 edit")

        async def opened() -> bool:
            return at.slack.view(GUEST) is not None

        await until(opened, "a form is open")
        refused = await at.slack.submit_view(GUEST, {"summary": "mine"})
        assert list(refused) == ["summary"]
    async with database.read() as connection:
        actions = [entry["action"] for entry in await audit.entries(connection)]
    assert actions[-1] == "incident.report.refused"


async def test_programs_read_what_is_proposed_and_write_parts_of_it(over: Pipeline, inbox: Inbox) -> None:
    async with _api(over, inbox) as ask:
        status, text = await ask("GET", "/api/incidents/1/report")
        assert (status, json.loads(text)["edited_by"]) == (200, None)
        assert json.loads(text)["impact"].startswith("Services: cart.")
        status, text = await ask("PUT", "/api/incidents/1/report", {"lessons": "warm the cache"})
        assert status == 200
        kept = json.loads(text)
        assert (kept["lessons"], kept["edited_by"]) == ("warm the cache", "ci")
        assert kept["impact"].startswith("Services: cart."), "what was left out stays"
        for body, wanted in (
            ({"lessons": "warm the cache"}, 409),
            ({}, 400),
            ({"lesson": "x"}, 400),
            ({"impact": "x" * 3001}, 400),
        ):
            assert (await ask("PUT", "/api/incidents/1/report", body))[0] == wanted, body
        assert (await ask("PUT", "/api/incidents/9/report", {"impact": "x"}))[0] == 404
        assert "## Lessons\n\nwarm the cache\n" in (await ask("GET", "/api/incidents/1/report.md"))[1]


async def test_the_report_draws_when_what_fired_and_the_series_that_were_watched(
    over: Pipeline, inbox: Inbox, alert: MakeAlert
) -> None:
    hostile = alert(service="cart", alertname="```\n# Mine", cluster="a")
    await over.send(hostile)
    text = await _markdown(over, inbox)
    charts = text.split("## Charts")[1].split("## Likely cause")[0]
    assert charts.count("```text") == 2
    assert charts.count("```") == 4, "a name of an alert ends no block"
    course, series = charts.split("```text")[1:]
    assert "█" in course.split("HighLatency cart")[1].split("\n")[0]
    assert "p95  ▁▂ ▄█  1 to 8 ms, last 8 ms" in series
