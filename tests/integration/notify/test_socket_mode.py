"""Socket Mode where the client's own ways of reconnecting end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from bot.notify.slack import socket_mode
from bot.notify.slack.socket_mode import stay_connected
from tests.acceptance.harness import CHANNEL, ON_CALL, until


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack() as slack:
        yield slack


@pytest.fixture
def bolt(slack: LocalSlack) -> AsyncApp:
    app = AsyncApp(client=AsyncWebClient(slack.bot_token, base_url=slack.api_url), signing_secret="unused")

    @app.command("/incident")
    async def answer(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond(text="here", response_type="ephemeral")

    return app


async def test_an_address_that_failed_is_given_up_for_a_new_one(
    slack: LocalSlack, bolt: AsyncApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_mode, "CONNECT_TIMEOUT", 0.5)
    slack.fail("socket", "down")
    staying = asyncio.create_task(stay_connected(bolt, slack.app_token))

    async def connected() -> bool:
        return slack.connected

    try:
        await until(connected, "the bot is connected", 20)
        assert await slack.command(ON_CALL, CHANNEL, "/incident", "") == 200
        opened = [call for call in slack.calls if call["method"] == "apps.connections.open"]
        assert len(opened) == 2
    finally:
        staying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await staying

    async def gone() -> bool:
        return not slack.connected

    await until(gone, "the connection is closed")
