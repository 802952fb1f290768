"""A large body on its way into a file: bounded, unpacked, and not waited for without end."""

import asyncio
import gzip
import tempfile
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from handlers.http.body import Unreadable
from handlers.http.problem import problem
from handlers.models import spool as spooling
from handlers.models.spool import spool
from tests.acceptance.wire import send

MOST = 5_000_000
LARGE = bytes(range(256)) * 12_000


async def _door(request: web.Request) -> web.Response:
    with tempfile.TemporaryFile() as file:
        try:
            await spool(request, file, MOST)
        except Unreadable as error:
            return problem(error.status, str(error))
        file.seek(0)
        return web.Response(text="whole" if file.read() == LARGE else "other")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", _door)
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # as the bot's own
    yield str(server.make_url("/"))
    await server.close()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_body_arrives_whole_in_its_file(url: str, encoding: str) -> None:
    body = gzip.compress(LARGE) if encoding == "gzip" else LARGE
    assert (await send(url, body, {"Content-Encoding": encoding})).text == "whole"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_no_more_of_a_body_is_written_than_is_allowed(url: str, encoding: str) -> None:
    body = bytes(MOST + 1)
    answer = await send(url, gzip.compress(body * 4) if encoding == "gzip" else body, {"Content-Encoding": encoding})
    assert (answer.status, answer.problem) == (413, f"At most {MOST} bytes are taken at once.")


async def test_a_body_without_a_length_is_bounded_too(url: str) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield bytes(MOST // 4)

    assert (await send(url, parts(), {})).status == 413


@pytest.mark.parametrize(
    ("body", "encoding", "status", "said"),
    [
        (gzip.compress(LARGE)[:-9], "gzip", 400, "its end is missing"),
        (gzip.compress(LARGE) + b"more", "gzip", 400, "something follows its end"),
        (LARGE[:1000], "gzip", 400, "not gzip"),
        (b"", "br", 415, "only gzip and deflate"),
    ],
)
async def test_a_body_that_is_not_packed_as_it_says_is_refused(
    url: str, body: bytes, encoding: str, status: int, said: str
) -> None:
    answer = await send(url, body, {"Content-Encoding": encoding})
    assert answer.status == status
    assert said in answer.problem


async def test_a_body_that_stops_coming_is_not_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "SECONDS_WITHOUT_A_BYTE", 0.2)

    async def first_part() -> AsyncIterator[bytes]:
        yield b"PAR1"
        await asyncio.Event().wait()

    answer = await asyncio.wait_for(send(url, first_part(), {}), 10)
    assert answer.status == 408
    assert "For 0.2 s nothing more" in answer.problem
