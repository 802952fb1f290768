"""No click and no command waits until Slack says who the bot is, and none is lost where it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
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
from tests.acceptance.harness import CHANNEL, ON_CALL, until
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Workspace:
    """A local Slack, and what takes its requests."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack = pipeline, slack
        self.client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        self.identity = Identity(self.client)
        self.endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None)

    def asked(self) -> int:
        return sum(call["method"] == "auth.test" for call in self.slack.calls)

    async def privately(self) -> list[str]:
        async def told() -> bool:
            return bool(self.slack.ephemerals(ON_CALL))

        await until(told, "the person is answered")
        return [message["text"] for message in self.slack.ephemerals(ON_CALL)]


@pytest.fixture
async def workspace(pipeline: Pipeline, clock: Clock) -> AsyncIterator[Workspace]:
    clock.now = datetime.now(clock.now.tzinfo)  # Bolt checks signatures against the time of the machine
    async with LocalSlack() as slack:
        workspace = Workspace(pipeline, slack)
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
    channel = SlackChannel(workspace.client, "incidents")
    await Notifier(workspace.pipeline.database, channel, workspace.pipeline.clock, interval=0).reconcile()
    [message] = workspace.slack.messages("incidents")
    assert await workspace.slack.click(ON_CALL, CHANNEL, message["ts"], "incident.ack") == 200

    async def acknowledged() -> bool:
        return (await workspace.pipeline.only_incident()).status is IncidentStatus.ACKNOWLEDGED

    await until(acknowledged, "the click is done")
    assert workspace.asked() <= 2, "no request asks Slack who we are"
    workspace.slack.clear_faults()
    looking.cancel()


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
