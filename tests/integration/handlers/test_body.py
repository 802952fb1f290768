"""A body that does not come: the wait for it has an end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from handlers.http import body
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.http.problem import problem
from tests.acceptance.wire import send


async def _door(request: web.Request) -> web.Response:
    try:
        with share_of(request) as share:
            return web.Response(body=await read_body(request, 1000, share))
    except Unreadable as error:
        return problem(error.status, str(error))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", _door)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_a_body_that_does_not_arrive_in_time_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "READ_SECONDS", 0.2)

    async def first_part() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await asyncio.wait_for(send(url, first_part()), 10)
    assert answer.status == 408
    assert "within 0.2 s" in answer.problem


async def test_a_body_that_arrives_slowly_but_in_time_is_taken_whole(url: str) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two ", b"three"):
            yield part
            await asyncio.sleep(0.01)

    assert (await send(url, parts())).text == "one two three"
