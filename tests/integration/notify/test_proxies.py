"""What goes out goes by the proxy of the environment, and past it where NO_PROXY says so."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_bolt.async_app import AsyncApp

from bot.localslack import LocalSlack
from bot.notify.card import Notice
from bot.notify.channel import incident_mark
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.proxy import make_client, proxy_for
from bot.notify.slack.socket_mode import SocketMode, probe
from bot.remediation.executors import web as executors
from handlers.slack.privately import answer_command
from handlers.slack.reply import Reply
from tests.acceptance.harness import CHANNEL, ON_CALL, until
from tests.integration.notify.forward_proxy import ForwardProxy

ROOT = Path(__file__).parents[3]
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "all_proxy")


def one_connection_a_request() -> aiohttp.ClientSession:
    """So that the proxy sees where each request is to go."""
    return aiohttp.ClientSession(trust_env=True, connector=aiohttp.TCPConnector(force_close=True))


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ForwardProxy]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    async with ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy


@pytest.fixture
async def slack(proxy: ForwardProxy) -> AsyncIterator[LocalSlack]:
    async with LocalSlack() as slack:
        yield slack


@pytest.fixture(params=["through the proxy", "past the proxy"])
def through(request: pytest.FixtureRequest, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "past the proxy":
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        return False
    return True


async def test_slack_is_called_by_the_proxy_unless_it_is_excepted(
    slack: LocalSlack, proxy: ForwardProxy, through: bool
) -> None:
    async with one_connection_a_request() as session:
        channel = SlackChannel(make_client(slack.bot_token, slack.api_url, session), "incidents")
        posted = await channel.post(Notice("x", ()), incident_mark("one"))
        file = await channel.upload("chart.png", b"\x89PNG", "a chart")
        await channel.share(file, "chart", posted.id)
    assert any("chat.postMessage" in address for address in proxy.asked) is through
    assert any("_files" in address for address in proxy.asked) is through


async def test_socket_mode_connects_by_the_proxy_unless_it_is_excepted(
    slack: LocalSlack, proxy: ForwardProxy, through: bool
) -> None:
    async with one_connection_a_request() as session:
        bolt = AsyncApp(client=make_client(slack.bot_token, slack.api_url, session), signing_secret="unused")
        socket = asyncio.create_task(SocketMode(bolt, slack.app_token).run())

        async def connected() -> bool:
            return slack.connected

        await until(connected, "the bot is connected")
        socket.cancel()
        with suppress(asyncio.CancelledError):
            await socket
    assert any("_socket" in address for address in proxy.asked) is through


async def test_a_proxy_that_lets_no_websocket_through_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalSlack() as slack, ForwardProxy(refuse_sockets=True) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        async with one_connection_a_request() as session:
            problem, refused = await probe(make_client(slack.bot_token, slack.api_url, session), slack.app_token)
    assert "HTTP 403: a proxy or a firewall may stand between" in problem
    assert not refused


async def test_executors_call_by_the_proxy_unless_it_is_excepted(proxy: ForwardProxy, through: bool) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="scaled")

    app = web.Application()
    app.router.add_post("/scale", answer)
    async with TestServer(app) as server, executors.session({}) as client:
        assert (await executors.answered(client, "POST", str(server.make_url("/scale")))).body == b"scaled"
    assert bool(proxy.asked) is through


@pytest.mark.parametrize(
    ("address", "excepted", "expected"),
    [
        ("wss://wss-primary.slack.com/link", "", "http://proxy:3128"),
        ("wss://wss-primary.slack.com/link", ".slack.com", None),
        ("wss://wss-primary.slack.com/link", "*", None),
        ("wss://wss-primary.slack.com:443/link", "example.com", "http://proxy:3128"),
        ("ws://127.0.0.1:8080/x", "127.0.0.1", None),
        ("https://slack.com/api/", "", "http://proxy:3128"),
    ],
)
def test_a_websocket_goes_where_https_would_go(
    monkeypatch: pytest.MonkeyPatch, address: str, excepted: str, expected: str | None
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://robot:secret@proxy:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    proxy, auth = proxy_for(address)
    assert (str(proxy).rstrip("/") if proxy else None) == expected
    assert (auth is not None) is (expected is not None)


def test_every_session_goes_by_the_environment() -> None:
    """One that does not would be found in production, behind a company's proxy."""
    calls = [
        (path, match[0])
        for folder in ("bot", "handlers")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not {"localslack", "demo"} & set(path.parts)
        for match in re.finditer(r"ClientSession\((?!\))[^\n]*(?:\n[^\n]*){0,6}|ClientSession\(\)", path.read_text())
    ]
    assert len(calls) >= 6
    assert [path for path, call in calls if "trust_env=True" not in call] == []


async def test_an_answer_to_a_command_goes_by_the_proxy_too(
    slack: LocalSlack, proxy: ForwardProxy, through: bool
) -> None:
    url = f"{slack.url}/_response/unknown"
    async with one_connection_a_request() as session:
        command = {"response_url": url, "channel_id": CHANNEL, "user_id": ON_CALL}
        await answer_command(make_client(slack.bot_token, slack.api_url, session), command, Reply("words"))
    assert any("/_response/" in address for address in proxy.asked) is through
    assert [message["text"] for message in slack.ephemerals(ON_CALL)] == ["words"], "where it fails, the other way"
