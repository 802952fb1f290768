"""The executor ``http`` against real servers: what it sends, whom it follows, and how much it listens to."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, execute
from bot.remediation.executors.step import MAX_OUTPUT
from tests.integration.executors.contexts import context

SECRETS = {"TOKEN": "s3cr3t-of-the-deployment"}
AUTHORIZED = {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}}

Seen = dict[str, Any]


class Server:
    """A server that remembers what came, and answers as its doors are named."""

    def __init__(self, secret: str = SECRETS["TOKEN"]) -> None:
        self.seen: deque[Seen] = deque()
        self.away = "http://127.0.0.1:1/"
        app = web.Application()
        app.router.add_route("*", "/status/{status}", self._status)
        app.router.add_route("*", "/redirect/{status}", self._redirect)
        app.router.add_route("*", "/{door:ok|loop|away|slow|drip|endless|huge|packed|echo|cut}", self._door)
        self._doors = {
            "ok": lambda: web.Response(text="done\x1b[0m\r\n"),
            "loop": lambda: web.Response(status=307, headers={"Location": "/loop"}),
            "away": lambda: web.Response(status=307, headers={"Location": self.away}),
            "huge": lambda: web.Response(text="begin" + "x" * 10_000_000),
            "echo": lambda: web.Response(text=f"you sent {secret}, {secret}"),
            "cut": lambda: web.Response(text="." * (MAX_OUTPUT - 10) + secret * 3),
        }
        self.server = TestServer(app)

    async def _note(self, request: web.Request) -> None:
        seen = {"method": request.method, "path": request.path, "headers": request.headers}
        self.seen.append(seen | {"body": await request.text()})

    async def _status(self, request: web.Request) -> web.Response:
        await self._note(request)
        return web.Response(status=int(request.match_info["status"]), text="said")

    async def _redirect(self, request: web.Request) -> web.Response:
        await self._note(request)
        return web.Response(status=int(request.match_info["status"]), headers={"Location": "../ok?followed=1"})

    async def _door(self, request: web.Request) -> web.StreamResponse:
        await self._note(request)
        door = request.match_info["door"]
        if door == "slow":
            await asyncio.Event().wait()
        if door in ("drip", "endless"):
            return await self._stream(request, 0.05 if door == "drip" else 0)
        if door == "packed":
            response = web.Response(text="readable " * 100)
            response.enable_compression()
            return response
        return self._doors[door]()

    async def _stream(self, request: web.Request, pause: float) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536 if not pause else b"x")
            await asyncio.sleep(pause)

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with server.server:
        yield server


async def _send(url: str, **parameters: Any) -> Outcome:
    return await execute(PlannedStep("http", {"url": url, **parameters}), context(SECRETS))


async def test_the_request_is_sent_as_it_was_described(server: Server) -> None:
    headers = {**AUTHORIZED, "X-Incident": "12"}
    outcome = await _send(
        server.url("/ok?pool=a%20b"), method="PUT", headers=headers, body={"replicas": 3, "ü": [None]}
    )
    assert outcome == Outcome(True, "HTTP 200\ndone")
    (seen,) = server.seen
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/ok", '{"replicas":3,"ü":[null]}')
    assert seen["headers"]["Authorization"] == "Bearer s3cr3t-of-the-deployment"
    assert (seen["headers"]["X-Incident"], seen["headers"]["Content-Type"]) == ("12", "application/json")


async def test_a_header_that_is_given_takes_the_place_of_the_usual_one(server: Server) -> None:
    assert (await _send(server.url("/ok"), headers={"content-type": "application/x+json"}, body={"a": 1})).ok
    assert server.seen[0]["headers"].getall("Content-Type") == ["application/x+json"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_is_sent_with_a_text_or_no_body(server: Server, method: str) -> None:
    assert (await _send(server.url("/ok"), method=method)).ok
    assert (await _send(server.url("/ok"), method=method, body="replicas=3")).ok
    assert [(seen["method"], seen["body"]) for seen in server.seen] == [(method, ""), (method, "replicas=3")]


@pytest.mark.parametrize(
    ("status", "expect", "ok"),
    [
        (204, None, True),
        (404, None, False),
        (404, 404, True),
        (200, [201, 202], False),
        (302, 302, True),
        (500, None, False),
    ],
)
async def test_the_status_decides(server: Server, status: int, expect: int | list[int] | None, ok: bool) -> None:
    said = "" if status == 204 else "\nsaid"
    assert await _send(server.url(f"/status/{status}"), expect=expect) == Outcome(ok, f"HTTP {status}{said}")


async def test_a_secret_that_is_not_set_keeps_the_request_from_being_sent(server: Server) -> None:
    outcome = await _send(server.url("/ok"), headers={"Authorization": {"secret": "OTHER"}})
    assert outcome == Outcome(False, "not sent: the secret OTHER is not set (TANDEM_SECRET_OTHER)")
    assert not server.seen


async def test_a_secret_that_cannot_be_a_header_is_not_shown(server: Server) -> None:
    step = PlannedStep("http", {"url": server.url("/ok"), "headers": {"X-Token": {"secret": "BAD"}}})
    outcome = await execute(step, context({"BAD": "line-one\r\nline-two"}))
    assert not outcome.ok
    assert "line-" not in outcome.output
    assert not server.seen


async def test_an_answer_that_repeats_the_secret_is_masked(server: Server) -> None:
    assert await _send(server.url("/echo"), headers=AUTHORIZED) == Outcome(True, "HTTP 200\nyou sent ***, ***")
    outcome = await _send(server.url("/cut"), headers=AUTHORIZED)
    said, _, more = outcome.output.removeprefix("HTTP 200\n").partition("\n")
    assert (set(said), more) == ({"."}, "… the rest is left out")


@pytest.mark.parametrize(
    ("status", "method", "followed"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "PUT", "PUT")],
)
async def test_a_redirect_on_the_same_host_is_followed_as_browsers_do(
    server: Server, status: int, method: str, followed: str
) -> None:
    outcome = await _send(server.url(f"/redirect/{status}"), method=method, headers=AUTHORIZED, body="b")
    assert outcome == Outcome(True, "HTTP 200\ndone")
    first, second = server.seen
    assert (first["method"], second["method"]) == (method, followed)
    assert second["body"] == ("b" if followed == method else "")
    assert second["headers"]["Authorization"] == first["headers"]["Authorization"]


async def test_a_redirect_to_another_host_is_not_followed_and_learns_no_secret(server: Server) -> None:
    other = Server()
    async with other.server:
        for away in (other.url("/ok"), other.url("/ok").replace("http://", "//").removeprefix("http:")):
            server.away = away
            outcome = await _send(server.url("/away"), headers=AUTHORIZED)
            assert not outcome.ok
            assert "a redirect to another host" in outcome.output
        assert not other.seen


@pytest.mark.parametrize("location", ["mailto:x@y", "http://[", "ftp://127.0.0.1/", "https://127.0.0.1/"])
async def test_a_redirect_that_leads_nowhere_is_the_steps_failure(server: Server, location: str) -> None:
    server.away = location
    assert not (await _send(server.url("/away"))).ok
    assert len(server.seen) == 1


async def test_redirects_in_a_circle_have_an_end(server: Server) -> None:
    assert await _send(server.url("/loop")) == Outcome(False, "more than 5 redirects")


@pytest.mark.parametrize("door", ["slow", "drip"])
async def test_an_answer_that_does_not_come_in_time_is_the_steps_failure(server: Server, door: str) -> None:
    began = time.monotonic()
    assert await _send(server.url(f"/{door}"), timeout="500ms") == Outcome(False, "no answer within 0.5 s")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("door", ["huge", "endless"])
async def test_of_a_huge_or_endless_answer_only_the_beginning_is_read(server: Server, door: str) -> None:
    outcome = await _send(server.url(f"/{door}"), timeout="20s")
    assert outcome.ok
    assert MAX_OUTPUT // 2 < len(outcome.output) <= MAX_OUTPUT + 100


async def test_an_answer_is_readable_also_from_a_server_that_likes_to_compress(server: Server) -> None:
    assert (await _send(server.url("/packed"))).output.startswith("HTTP 200\nreadable readable")


async def test_a_server_that_is_not_there_is_the_steps_failure() -> None:
    for url in ("http://127.0.0.1:1/", "http://nowhere.invalid/", "https://127.0.0.1:1/"):
        outcome = await _send(url, headers=AUTHORIZED)
        assert not outcome.ok
        assert outcome.output.startswith("not answered: ")


async def test_a_server_that_speaks_no_http_is_the_steps_failure() -> None:
    async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nothing\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await _send(f"http://127.0.0.1:{port}/")
    assert not outcome.ok
    assert outcome.output.startswith("not answered: ")
