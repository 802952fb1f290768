"""Socket Mode where it fails: it says so, comes back with pauses between, and takes each request once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from prometheus_client import REGISTRY
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from bot.notify.slack import socket_mode
from bot.notify.slack.socket_mode import SocketMode, probe
from tests.acceptance.harness import CHANNEL, ON_CALL, until


class Taken:
    """What was handled, and which requests are known."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self._known: set[str] = set()

    async def first(self, key: str) -> bool:
        fresh = key not in self._known
        self._known.add(key)
        return fresh


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack() as slack:
        yield slack


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def bolt(slack: LocalSlack, taken: Taken) -> AsyncApp:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    app = AsyncApp(client=client, signing_secret="unused")

    @app.command("/incident")
    async def answer(ack: AsyncAck, command: dict[str, str]) -> None:
        taken.commands.append(command["text"])
        await ack(text="here")

    return app


@asynccontextmanager
async def running(socket: SocketMode) -> AsyncIterator[SocketMode]:
    task = asyncio.create_task(socket.run())
    yield socket
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def is_connected(slack: LocalSlack) -> None:
    async def connected() -> bool:
        return slack.connected

    await until(connected, "the bot is connected", 20)


async def is_closed(slack: LocalSlack) -> None:
    async def gone() -> bool:
        return not slack.connected

    await until(gone, "the connection is closed")


async def says(socket: SocketMode, words: str) -> bool:
    """Waits until the state has these words; returns whether Tandem counts as ready."""

    async def said() -> bool:
        return words in socket.health()[0]

    await until(said, f"the state is {words!r}", 10)
    return socket.health()[1]


def opened(slack: LocalSlack) -> int:
    return sum(call["method"] == "apps.connections.open" for call in slack.calls)


def up() -> float:
    return REGISTRY.get_sample_value("tandem_slack_socket_up") or 0.0


async def test_an_address_that_failed_is_given_up_for_a_new_one(
    slack: LocalSlack, bolt: AsyncApp, taken: Taken
) -> None:
    slack.fail("socket", "down")
    async with running(SocketMode(bolt, slack.app_token)) as socket:
        await is_connected(slack)
        assert await slack.command(ON_CALL, CHANNEL, "/incident", "show") == 200
        assert taken.commands == ["show"]
        assert opened(slack) == 2
        assert (socket.health(), up()) == (("ok", True), 1.0)
    await is_closed(slack)


@pytest.mark.parametrize(
    ("method", "fault", "words", "ready"),
    [
        ("apps.connections.open", {"kind": "refused", "error": "invalid_auth"}, "invalid_auth", False),
        ("apps.connections.open", {"kind": "500"}, "HTTP 500", False),
        ("socket", {"kind": "revoked"}, "HTTP 403", False),
        ("socket", {"kind": "timeout"}, "no answer for", False),
        ("socket", {"kind": "refused", "error": "too_many_websockets"}, "too_many_websockets", True),
    ],
)
async def test_what_keeps_it_from_connecting_is_said_and_is_tried_with_pauses(
    slack: LocalSlack,
    bolt: AsyncApp,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    fault: dict[str, str],
    words: str,
    ready: bool,
) -> None:
    monkeypatch.setattr(socket_mode, "CONNECT_TIMEOUT", 0.5)
    slack.fail(method, count=1000, **fault)  # type: ignore[arg-type]
    async with running(SocketMode(bolt, slack.app_token)) as socket:
        assert await says(socket, words) is ready
        assert up() == 0.0
        await asyncio.sleep(2)
        assert opened(slack) <= 4, "the pauses grow"
        slack.clear_faults()
        await is_connected(slack)
        await says(socket, "ok")
    problem, _ = await probe(bolt.client, slack.app_token)
    assert problem == ""


async def test_a_request_that_is_sent_again_is_answered_again_and_handled_once(
    slack: LocalSlack, bolt: AsyncApp, taken: Taken
) -> None:
    async with running(SocketMode(bolt, slack.app_token, taken.first)):
        await is_connected(slack)
        assert await slack.command(ON_CALL, CHANNEL, "/incident", "silence 1h") == 200
        assert await slack.send_again() == {"text": "here"}
        assert taken.commands == ["silence 1h"]


async def test_another_replica_acknowledges_what_was_handled_elsewhere(
    slack: LocalSlack, bolt: AsyncApp, taken: Taken
) -> None:
    async with running(SocketMode(bolt, slack.app_token, taken.first)):
        await is_connected(slack)
        assert await slack.command(ON_CALL, CHANNEL, "/incident", "silence 1h") == 200
    await is_closed(slack)
    async with running(SocketMode(bolt, slack.app_token, taken.first)):
        await is_connected(slack)
        assert await slack.send_again() == {}
    assert taken.commands == ["silence 1h"]


async def test_the_doctor_opens_the_connection_and_knows_who_must_act(slack: LocalSlack, bolt: AsyncApp) -> None:
    slack.fail("socket", "revoked")
    assert await probe(bolt.client, slack.app_token) == (
        "the WebSocket is answered with HTTP 403: a proxy or a firewall may stand between",
        False,
    )
    assert await probe(bolt.client, "xapp-wrong") == ("apps.connections.open: invalid_auth", True)
