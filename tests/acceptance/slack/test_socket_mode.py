"""The bot in Socket Mode: no request can come in, so it connects to Slack, and stays connected."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, runbook, running, until
from tests.acceptance.wire import send

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOCKET_MODE = {"SLACK_APP_TOKEN": "xapp-local", "SLACK_SIGNING_SECRET": ""}
CONFIG = {"runbooks": {"restart": runbook("true", when={"severity": "critical"}, verify={"within": "60s"})}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("socket"), CONFIG, environment=SOCKET_MODE) as tandem:
        await _connected(tandem)
        yield tandem


async def _connected(tandem: Tandem, seconds: float = 20) -> None:
    async def connected() -> bool:
        return tandem.slack.connected

    await until(connected, "the bot is connected", seconds)


async def _told(tandem: Tandem, part: str) -> None:
    async def told() -> bool:
        return any(part in message["text"] for message in tandem.slack.ephemerals(ON_CALL))

    await until(told, f"{ON_CALL} is told {part!r}")


async def test_nothing_listens_for_slack_over_http(tandem: Tandem) -> None:
    assert (await send(f"{tandem.url}/slack/events", b"payload={}")).status == 404


async def test_a_click_approves_a_run_which_is_verified(tandem: Tandem) -> None:
    assert await tandem.deliver(alert(service="clicked"), groupKey="") == 202
    message = await tandem.message("on clicked", "run.approve")
    assert await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve") == 200
    await tandem.message("on clicked", "verifying")
    await tandem.deliver(alert("resolved", service="clicked"), groupKey="")
    await tandem.message("on clicked", "succeeded", f"approved by <@{ON_CALL}>")


async def test_a_command_is_answered(tandem: Tandem) -> None:
    assert await tandem.slack.command(ON_CALL, CHANNEL, "/incident", "show 99999") == 200
    await _told(tandem, "There is no incident #99999")


async def test_a_form_is_opened_checked_and_taken(tandem: Tandem) -> None:
    assert await tandem.slack.command(ON_CALL, CHANNEL, "/incident", "silence") == 200

    async def opened() -> bool:
        return tandem.slack.view(ON_CALL) is not None

    await until(opened, "the form is open")
    errors = await tandem.slack.submit_view(ON_CALL, {"duration": "soon", "matchers": "service=noisy"})
    assert errors.keys() == {"duration"}
    assert await tandem.slack.submit_view(ON_CALL, {"duration": "2h", "matchers": "service=noisy"}) == {}
    assert tandem.slack.view(ON_CALL) is None
    await _told(tandem, 'service="noisy"')


@pytest.mark.parametrize("notice", [True, False], ids=["asks for a new connection", "closes the connection"])
async def test_when_slack_ends_the_connection_the_bot_connects_anew_and_clicks_arrive(
    tandem: Tandem, notice: bool
) -> None:
    before = _opened(tandem)
    await tandem.slack.disconnect(notice)

    async def anew() -> bool:
        return tandem.slack.connected and _opened(tandem) > before

    await until(anew, "the bot is connected anew", 20)
    await tandem.slack.command(ON_CALL, CHANNEL, "/incident", f"show 1000{notice:d}")
    await _told(tandem, f"There is no incident #1000{notice:d}")


def _opened(tandem: Tandem) -> int:
    return sum(call["method"] == "apps.connections.open" and call["ok"] for call in tandem.slack.calls)


async def test_when_slack_comes_back_after_an_outage_the_bot_connects_and_shows_what_is(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG, environment=SOCKET_MODE) as tandem:
        await _connected(tandem)
        assert await tandem.deliver(alert()) == 202
        await tandem.message("HighLatency", "run.approve")
        port = urlsplit(tandem.slack.url).port
        assert port is not None
        await tandem.slack.__aexit__()
        assert await tandem.deliver(alert(alertname="QueueFull")) == 202
        async with LocalSlack(port=port) as tandem.slack:
            message = await tandem.message("QueueFull", "run.approve", seconds=60)
            await _connected(tandem)
            await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
            await tandem.message("verifying")
            assert len(tandem.slack.messages(CHANNEL)) == 1
