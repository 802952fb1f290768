"""The express lane answers as aiohttp's door does, whatever comes and however it is cut."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import StorageUnavailable
from bot.inbox.inbox import Inbox, NewEntry
from bot.inbox.intake import Intake
from handlers.http import deadlines
from handlers.http import fast_path as express
from handlers.http.endpoint import Limits, add_webhook_routes
from handlers.http.fast_path import Lane
from handlers.http.problem import add_unknown_paths
from tests.conftest import database_of

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # how it is read is alike on both
TOKEN = "a-token-of-some-length"
ALERT = {"status": "firing", "labels": {"alertname": "Slow"}, "startsAt": "2026-03-01T00:00:00Z"}
BODY = json.dumps({"version": "4", "status": "firing", "alerts": [ALERT, {**ALERT, "labels": {"a": "b"}}]}).encode()


class Doors(NamedTuple):
    """The same doors twice: behind the express lane, and aiohttp's alone."""

    port: int
    plain_port: int
    lane: Lane
    intake: Intake


def _request(
    body: bytes = BODY,
    path: str = "/webhooks/alertmanager",
    method: str = "POST",
    version: str = "1.1",
    token: str = TOKEN,
    more: str = "",
) -> bytes:
    head = (
        f"{method} {path} HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n"
    )
    return f"{head}{more}\r\n".encode() + body


ODD = {
    "plain": _request(),
    "no events": _request(b'{"version": "4", "status": "firing", "alerts": []}'),
    "malformed": _request(b'{"version": "4", "status"'),
    "not authentic": _request(token="another"),
    "an unknown source": _request(path="/webhooks/alertmangler"),
    "a query": _request(path="/webhooks/alertmanager?x=1"),
    "another method": _request(method="PUT"),
    "another door": _request(b"", path="/healthz", method="GET"),
    "an old version": _request(version="1.0"),
    "to be closed": _request(more="Connection: close\r\n"),
    "to be kept": _request(more="Connection: keep-alive\r\n"),
    "chunked": _request(b"", more="Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    "both lengths": _request(more="Transfer-Encoding: chunked\r\n"),
    "two lengths": _request(more="Content-Length: 1\r\n"),
    "a wrong length": _request(more="Content-Length: x\r\n").replace(b"Content-Length: %d\r\n" % len(BODY), b""),
    "packed, it says": _request(more="Content-Encoding: gzip\r\n"),
    "packed in no known way": _request(more="Content-Encoding: brotli\r\n"),
    "a header twice": _request(more="X-A: 1\r\nX-A: 2\r\n"),
    "a header over two lines": _request(more="X-A: 1\r\n  2\r\n"),
    "a space before the colon": _request(more="X-A : 1\r\n"),
    "a header too long": _request(more=f"X-A: {'a' * 9000}\r\n"),
    "too many headers": _request(more="".join(f"X-{i}: 1\r\n" for i in range(200))),
    "not in ASCII": _request(more="X-A: \xe9\r\n"),
    "not in UTF-8": _request(more="X-A: 1\r\n").replace(b"X-A: 1", b"X-A: \xff\xfe"),
    "an upgrade": _request(more="Connection: upgrade\r\nUpgrade: websocket\r\n"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "bare line feeds": _request().replace(b"\r\n", b"\n"),
    "large": _request(b'{"version": "4", "status": "firing", "alerts": []' + b" " * express.MOST_BYTES + b"}"),
    "too large": _request(b" " * (5 * 2**20 + 1)),
}
"""One request each, by what is odd about it."""
KEPT = (
    "plain",
    "no events",
    "malformed",
    "an unknown source",
    "a query",
    "another method",
    "another door",
    "to be kept",
    "chunked",
    "a header twice",
    "not in ASCII",
    "not in UTF-8",
)
"""After these the connection goes on: an answer to one that is closed may be lost while the next piece is sent."""


@asynccontextmanager
async def _serving(inbox: Inbox) -> AsyncIterator[Doors]:
    intake = Intake(inbox)
    intake.start()
    app = web.Application()
    doors = add_webhook_routes(
        app, intake, TOKEN, lambda: datetime(2026, 3, 1, tzinfo=UTC), [], 16, limits=Limits(5 * 2**20)
    )
    add_unknown_paths(app)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    assert runner.server is not None
    lane = Lane(doors, runner.server)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(made, "127.0.0.1", 0) for made in (lane, runner.server)]
    port, plain_port = (server.sockets[0].getsockname()[1] for server in servers)
    try:
        yield Doors(port, plain_port, lane, intake)
    finally:
        for server in servers:
            server.close()
        await lane.close(5)
        await runner.cleanup()
        await intake.stop()


@pytest.fixture
async def doors(inbox: Inbox) -> AsyncIterator[Doors]:
    async with _serving(inbox) as doors:
        yield doors


class _Sender:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)
            await asyncio.sleep(0.002)  # pieces that go out together may be received together

    async def answer(self) -> tuple[int, bytes] | None:
        """Status and body; None where the connection was closed instead."""
        async with asyncio.timeout(10):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                return int(head.split()[1]), await self._reader.readexactly(int(length or 0))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None


@asynccontextmanager
async def _sender(port: int) -> AsyncIterator[_Sender]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield _Sender(reader, writer)
    finally:
        writer.close()


def _status(answer: tuple[int, bytes] | None) -> int | None:
    return answer and answer[0]


async def _exchange(port: int, requests: list[list[bytes]]) -> list[tuple[int, bytes] | None]:
    """Send requests over one connection, each cut into pieces, until it is closed."""
    answers: list[tuple[int, bytes] | None] = []
    async with _sender(port) as sender:
        for pieces in requests:
            await sender.send(*pieces)
            answers.append(await sender.answer())
            if answers[-1] is None:
                break
    return answers


@on_sqlite
@pytest.mark.parametrize("oddity", ODD)
async def test_each_odd_request_has_the_answer_that_aiohttp_gives(doors: Doors, oddity: str) -> None:
    requests = [[_request()], [ODD[oddity]], [_request()]]
    given = await _exchange(doors.port, requests)
    assert given == await _exchange(doors.plain_port, requests)
    assert given[0] == (202, b'{"accepted": 2}')


@st.composite
def _cut(draw: st.DrawFn) -> list[bytes]:
    whole = ODD[draw(st.sampled_from(KEPT))]
    cuts = sorted(draw(st.sets(st.integers(1, len(whole) - 1), max_size=3)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@on_sqlite
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(_cut(), min_size=1, max_size=4))
async def test_however_requests_are_cut_and_mixed_the_answers_are_those_of_aiohttp(
    doors: Doors, requests: list[list[bytes]]
) -> None:
    assert await _exchange(doors.port, requests) == await _exchange(doors.plain_port, requests)


async def test_requests_that_do_not_wait_for_answers_are_answered_in_order(doors: Doors) -> None:
    async with _sender(doors.port) as sender:
        await sender.send(_request() + _request(b"{}") + _request())
        assert [_status(await sender.answer()) for _ in range(3)] == [202, 400, 202]


async def test_a_request_sent_while_another_is_committed_is_answered_after_it(doors: Doors, inbox: Inbox) -> None:
    async with _sender(doors.port) as sender:
        async with database_of(inbox).write():  # on SQLite nothing is committed meanwhile
            await sender.send(_request(), _request(token="another"))
        assert [_status(await sender.answer()) for _ in range(2)] == [202, 401]


async def test_what_could_not_be_stored_is_answered_by_aiohttp(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _serving(inbox) as doors, _sender(doors.port) as sender:

        async def refuse(entries: list[NewEntry]) -> None:
            raise StorageUnavailable("full")

        monkeypatch.setattr(inbox, "append", refuse)
        await sender.send(_request())
        assert _status(await sender.answer()) == 503
        monkeypatch.undo()
        await sender.send(_request())
        assert await sender.answer() == (202, b'{"accepted": 2}')


async def test_what_is_lined_up_is_answered_when_the_doors_close(inbox: Inbox) -> None:
    async with _serving(inbox) as doors, _sender(doors.port) as sender, _sender(doors.port) as idle:
        async with database_of(inbox).write():
            await sender.send(_request())
            closing = asyncio.create_task(doors.lane.close(5))
            assert await idle.answer() is None
        assert await sender.answer() == (202, b'{"accepted": 2}')
        assert await sender.answer() is None
        await closing


@pytest.mark.parametrize("begun", [b"", b"POST /webhooks/alertm", _request()[:-1]])
async def test_a_connection_over_which_no_whole_request_comes_is_closed(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(deadlines, "FIRST_SECONDS", 0.1)
    async with _serving(inbox) as doors, _sender(doors.port) as sender:
        await sender.send(begun)
        assert await sender.answer() is None


async def test_a_connection_that_was_used_may_rest(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "FIRST_SECONDS", 0.05)
    async with _serving(inbox) as doors, _sender(doors.port) as sender:
        await sender.send(_request())
        assert await sender.answer() == (202, b'{"accepted": 2}')
        await asyncio.sleep(0.2)
        await sender.send(_request())
        assert await sender.answer() == (202, b'{"accepted": 2}')
