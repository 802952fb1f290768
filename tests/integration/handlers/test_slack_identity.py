"""No click and no command waits until Slack says who the bot is, and none is lost where it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.slack import identity as identities
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.identity import Identity
from handlers.slack import SlackEndpoint, add_slack_route, make_bolt_app
from handlers.slack.origin import Origins
from tests.acceptance.harness import CHANNEL, ON_CALL, until
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Workspace:
    """A local Slack, and what takes its requests; where ``checked``, only those of the bot's own workspace."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack, checked: bool) -> None:
        self.pipeline, self.slack = pipeline, slack
        self.client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        self.identity = Identity(self.client)
        origins = Origins(self.identity) if checked else None
        self.endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, lambda: None, origins=origins)

    def asked(self) -> int:
        return sum(call["method"] == "auth.test" for call in self.slack.calls)

    async def message(self) -> str:
        """Show the only incident; its message."""
        channel = SlackChannel(self.client, "incidents")
        await Notifier(self.pipeline.database, channel, self.pipeline.clock, interval=0).reconcile()
        [message] = self.slack.messages("incidents")
        return str(message["ts"])

    async def privately(self, count: int = 1) -> list[str]:
        async def told() -> bool:
            return len(self.slack.ephemerals(ON_CALL)) >= count

        await until(told, "the person is answered")
        return [message["text"] for message in self.slack.ephemerals(ON_CALL)]


@pytest.fixture
async def workspace(pipeline: Pipeline, clock: Clock) -> AsyncIterator[Workspace]:
    async with _opened(pipeline, clock, checked=False) as workspace:
        yield workspace


@pytest.fixture
async def checked(pipeline: Pipeline, clock: Clock) -> AsyncIterator[Workspace]:
    async with _opened(pipeline, clock, checked=True) as workspace:
        yield workspace


@asynccontextmanager
async def _opened(pipeline: Pipeline, clock: Clock, checked: bool) -> AsyncIterator[Workspace]:
    clock.now = datetime.now(clock.now.tzinfo)  # Bolt checks signatures against the time of the machine
    async with LocalSlack() as slack:
        workspace = Workspace(pipeline, slack, checked)
        app = web.Application()
        bolt = make_bolt_app(workspace.client, slack.signing_secret, workspace.endpoint, workspace.identity)
        add_slack_route(app, bolt, workspace.client, slack.signing_secret, workspace.endpoint)
        async with TestServer(app) as server:
            slack.request_url = str(server.make_url("/slack/events"))
            yield workspace


@pytest.mark.parametrize("fault", ["500", "429", "revoked", "timeout_before"])
async def test_a_command_and_a_click_do_what_they_should_while_slack_does_not_say_who_we_are(
    workspace: Workspace, alert: MakeAlert, fault: str
) -> None:
    workspace.slack.fail("auth.test", fault, count=1000)
    looking = asyncio.create_task(workspace.identity.run())
    assert await workspace.slack.command(ON_CALL, CHANNEL, "/incident", "show 99") == 200
    [said] = await workspace.privately()
    assert "There is no incident #99" in said
    await workspace.pipeline.send(alert())
    assert await workspace.slack.click(ON_CALL, CHANNEL, await workspace.message(), "incident.ack") == 200

    async def acknowledged() -> bool:
        return (await workspace.pipeline.only_incident()).status is IncidentStatus.ACKNOWLEDGED

    await until(acknowledged, "the click is done")
    assert workspace.asked() <= 2, "no request asks Slack who we are"
    workspace.slack.clear_faults()
    looking.cancel()


async def test_where_the_workspace_is_not_known_yet_the_person_is_told_that_nothing_was_done(
    checked: Workspace, alert: MakeAlert
) -> None:
    workspace = checked
    workspace.slack.fail("auth.test", "500", count=1000)
    await workspace.slack.command(ON_CALL, CHANNEL, "/incident", "show 99")
    await workspace.pipeline.send(alert())
    message = await workspace.message()
    await workspace.slack.click(ON_CALL, CHANNEL, message, "incident.ack")
    said = await workspace.privately(2)
    assert all("has not told Tandem yet which workspace" in words for words in said)
    assert (await workspace.pipeline.only_incident()).status is IncidentStatus.TRIGGERED
    workspace.slack.clear_faults()
    await workspace.identity.start()
    await workspace.slack.command(ON_CALL, CHANNEL, "/incident", "show 99")
    assert "There is no incident #99" in (await workspace.privately(3))[-1]


async def test_who_we_are_is_found_before_the_endpoints_open_though_slack_fails_at_first(workspace: Workspace) -> None:
    workspace.slack.fail("auth.test", "500", count=1)
    await workspace.identity.start()
    assert workspace.identity.bot is not None
    assert workspace.identity.bot.team
    await workspace.slack.command(ON_CALL, CHANNEL, "/incident", "show 99")
    await workspace.privately()
    assert workspace.asked() == 2


async def test_a_start_does_not_wait_for_slack_for_ever(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "START_WAIT", 0.1)
    workspace.slack.fail("auth.test", "timeout_before", count=1)
    await workspace.identity.start()
    assert workspace.identity.bot is None
    looking = asyncio.create_task(workspace.identity.run())

    async def found() -> bool:
        return workspace.identity.bot is not None

    await until(found, "it is found afterwards")
    looking.cancel()
