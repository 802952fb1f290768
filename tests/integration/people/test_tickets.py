"""A ticket of an incident: opened once in whichever tracker, whatever is lost on the way, and shown with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.tickets import check_tickets
from bot.components.people.tickets import tracker_of
from bot.config.model import Config
from bot.config.tickets import TicketsSection
from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.errors import Refused
from bot.incidents.beside.ticket import ask_for_ticket
from bot.integrations.tickets.opening import SETTLES, Tickets
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import load_view
from bot.storage.queries import audit
from bot.storage.queries.deeds import tickets
from tests.integration.api.programs import api
from tests.integration.people.trackers import Trackers, trackers
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
ANA = "U012AB3CD"
KINDS = ["github", "gitlab", "jira"]
KEYS = {"github": "#1", "gitlab": "#1", "jira": "OPS-1"}


def _section(kind: str, at: Trackers) -> TicketsSection:
    where = {"repository": "acme/shop"} if kind == "github" else {"project": "OPS" if kind == "jira" else "acme/shop"}
    token = {"Authorization": {"secret": "TRACKER", "prefix": "Bearer "}}
    return TicketsSection.model_validate({kind: {**where, "url": at.url, "headers": token, "labels": ["incident"]}})


class Opener:
    """What opens tickets, a look at a time; ``begin`` does so anew, as another process."""

    def __init__(self, pipeline: Pipeline, section: TicketsSection, session: aiohttp.ClientSession) -> None:
        self.pipeline, self.section, self.session = pipeline, section, session
        self.begin()

    def begin(self) -> None:
        self.tracker = tracker_of(self.section, self.session)
        self.tickets = Tickets(self.pipeline.database, self.tracker, self.pipeline.clock)

    async def asked(self, incident: Incident, user: str = ANA) -> Incident:
        return await ask_for_ticket(self.pipeline.database, incident.id, user, self.pipeline.clock())

    async def looks(self, times: int = 3) -> None:
        """Time passes between two looks."""
        for _ in range(times):
            await self.tickets.look()
            self.pipeline.clock.pass_(seconds=SETTLES.total_seconds() + 1)

    async def message(self) -> str:
        [incident] = await self.pipeline.incidents()
        async with self.pipeline.database.read() as connection:
            view = await load_view(connection, incident.id, self.pipeline.clock())
        assert view is not None
        return json.dumps(render(card_of(view)).blocks, ensure_ascii=False)


@asynccontextmanager
async def _opener(pipeline: Pipeline, kind: str) -> AsyncIterator[tuple[Opener, Trackers]]:
    async with trackers() as at, aiohttp.ClientSession() as session:
        opener = Opener(pipeline, _section(kind, at), session)
        async with pipeline.database.write() as connection:
            await tickets.describe(connection, opener.tracker.name)
        yield opener, at


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_SECRET_TRACKER", "a-token-of-the-tracker")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_ticket_is_opened_and_the_message_and_the_api_link_to_it(
    pipeline: Pipeline, alert: MakeAlert, kind: str
) -> None:
    await pipeline.send(alert(service="cart"))
    incident = await pipeline.only_incident()
    async with _opener(pipeline, kind) as (opener, at), api(pipeline) as programs:
        assert "Open a ticket" in await opener.message()
        await opener.asked(incident)
        assert "Open a ticket" not in await opener.message(), "it is asked for once"
        await opener.looks()
        shown = await programs.ci.ok("GET", f"/api/incidents/{incident.id}")
        assert shown["ticket"]["key"] == KEYS[kind]
        assert shown["ticket"]["url"].startswith("http")
        assert f"|{KEYS[kind]}>" in await opener.message()
        with pytest.raises(Refused, match="has a ticket"):
            await opener.asked(incident, "U0BYSTAND")
        assert len(at.issues) == 1
        assert "incident" in json.dumps(at.issues[0]), "with its labels"
        async with pipeline.database.read() as connection:
            done = [row["action"] for row in await audit.entries(connection)]
        assert done == ["incident.ticket", "incident.ticket.opened", "incident.ticket.refused"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_ticket_whose_answer_was_lost_is_found_and_not_opened_twice(
    pipeline: Pipeline, alert: MakeAlert, kind: str
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with _opener(pipeline, kind) as (opener, at):
        at.fails = [503, 1502]
        await opener.asked(incident)
        for _ in range(4):
            opener.begin()
            await opener.looks(1)
        assert len(at.issues) == 1
        assert f"|{KEYS[kind]}>" in await opener.message()


async def test_two_who_ask_in_the_same_moment_get_one(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with _opener(pipeline, "github") as (opener, at):
        asked = [opener.asked(incident, user) for user in (ANA, "U0BYSTAND", ANA)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(one, Refused) for one in outcomes) == 2
        await opener.looks()
        assert len(at.issues) == 1


async def test_one_that_a_process_opened_before_it_was_killed_is_adopted(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with _opener(pipeline, "gitlab") as (opener, at):
        await opener.asked(incident)

        class Killed(BaseException):
            pass

        create = type(opener.tracker).create

        async def killed(draft: Any) -> Any:
            await create(opener.tracker, draft)
            raise Killed

        object.__setattr__(opener.tracker, "create", killed)
        with pytest.raises(Killed):
            await opener.looks(1)
        opener.begin()
        await opener.looks()
        assert len(at.issues) == 1
        assert "|#1>" in await opener.message()


async def test_what_the_tracker_refuses_is_said_in_the_thread_and_can_be_asked_for_again(
    pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with _opener(pipeline, "github") as (opener, at):
        monkeypatch.delenv("TANDEM_SECRET_TRACKER")
        await opener.asked(incident)
        await opener.looks()
        assert "the secret TRACKER is not set" in (await pipeline.timeline_of(incident))[-1]
        monkeypatch.setenv("TANDEM_SECRET_TRACKER", "a-token-of-the-tracker")
        at.fails = [422]
        await opener.asked(incident)
        await opener.looks()
        told = (await pipeline.timeline_of(incident))[-1]
        assert "status 422" in told and "Validation Failed" in told and "a-token" not in told
        assert "Open a ticket" in await opener.message()
        await opener.asked(incident)
        await opener.looks()
        assert len(at.issues) == 1
        assert at.headers[-1]["Authorization"] == "Bearer a-token-of-the-tracker"


async def test_texts_from_outside_format_nothing_and_mention_nobody(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="```\n@acme/everyone #1 [x](https://evil.example)"))
    incident = await pipeline.only_incident()
    async with _opener(pipeline, "github") as (opener, at):
        await opener.asked(incident)
        await opener.looks()
        body = at.issues[0]["body"]
        assert body.startswith("```text\n") and body.endswith("\n```") and body.count("```") == 2


async def test_a_data_center_of_jira_is_searched_too(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with _opener(pipeline, "jira") as (opener, at):
        at.cloud, at.fails = False, [1502]
        await opener.asked(incident)
        await opener.looks()
        assert len(at.issues) == 1
        assert f"{at.url}/browse/OPS-1" in await opener.message()


async def test_without_a_tracker_nobody_offers_a_ticket(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with pipeline.database.write() as connection:
        await tickets.describe(connection, "GitHub")
        await tickets.describe(connection, "")
    with pytest.raises(Refused, match="add `tickets`"):
        await ask_for_ticket(pipeline.database, incident.id, ANA, pipeline.clock())
    async with pipeline.database.read() as connection:
        assert await tickets.of_incident(connection, incident.id) == (None, "")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "exactly one"),
        (
            {"github": {"repository": "acme/shop"}, "jira": {"project": "OPS", "url": "https://j.example"}},
            "exactly one",
        ),
        ({"github": {"repository": "acme"}}, "repository"),
        ({"jira": {"project": "OPS"}}, "url"),
        ({"gitlab": {"project": "a b"}}, "project"),
        ({"github": {"repository": "acme/shop", "url": "https://user:pass@x.example"}}, "password"),
    ],
)
def test_what_makes_no_tracker_is_no_configuration(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config.model_validate({"tickets": written})


def test_the_doctor_names_a_secret_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    token = {"Authorization": {"secret": "TRACKER", "prefix": "Bearer "}}
    config = Config.model_validate({"tickets": {"github": {"repository": "acme/shop", "headers": token}}})
    assert [one.mark for one in check_tickets(config)] == [Mark.OK]
    monkeypatch.delenv("TANDEM_SECRET_TRACKER")
    [found] = check_tickets(config)
    assert (found.mark, "TANDEM_SECRET_TRACKER" in found.text) == (Mark.FAIL, True)
    bare = Config.model_validate({"tickets": {"github": {"repository": "acme/shop"}}})
    assert [one.mark for one in check_tickets(bare)] == [Mark.WARN]
    assert check_tickets(Config()) == []
