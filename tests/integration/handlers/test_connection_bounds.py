"""What a sender may hold of the server: a connection for so long, so many of them, and so much of its memory."""

import asyncio
import gzip
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from aiohttp import web

from bot.errors import InboxFull
from handlers.http import deadlines
from handlers.http.body import Unreadable, check_objects, read_body
from handlers.http.connections import Connections
from handlers.http.fast_path import Lane
from handlers.http.memory import Memory, share_memory, share_of

LARGE = 50 * 2**20
HEAD = b"POST /taken HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"


class Server(NamedTuple):
    port: int
    memory: Memory
    connections: Connections


async def _small(_: web.Request) -> web.Response:
    return web.Response(text="small")


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=bytes(LARGE))


async def _taken(request: web.Request) -> web.Response:
    try:
        with share_of(request) as share:
            body = await read_body(request, LARGE, share)
            await asyncio.sleep(float(request.query.get("for", "0")))
            return web.Response(text=str(len(body)))
    except InboxFull:
        return web.Response(status=429)
    except Unreadable as error:
        return web.Response(status=error.status)


@asynccontextmanager
async def _serving(most: int = 100, of_an_address: int = 50, memory: int = 2**30) -> AsyncIterator[Server]:
    app = web.Application()
    app.router.add_get("/small", _small)
    app.router.add_get("/large", _large)
    app.router.add_post("/taken", _taken)
    shared, connections = Memory(memory), Connections(most, of_an_address)
    share_memory(app, shared)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    assert runner.server is not None
    lane = Lane({}, runner.server, connections, shared)
    server = await asyncio.get_running_loop().create_server(lane, "127.0.0.1", 0)
    try:
        yield Server(server.sockets[0].getsockname()[1], shared, connections)
    finally:
        server.close()
        await lane.close(1)
        await runner.cleanup()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "FIRST_SECONDS", 0.4)
    monkeypatch.setattr(deadlines, "GRACE", 0.1)


UNFINISHED = {
    "nothing": b"",
    "a part of a line": b"POST /tak",
    "headers without an end": HEAD + b"X-A: 1\r\n",
    "a body that is missing": HEAD + b"Content-Length: 10\r\n\r\n",
    "a part of a body": HEAD + b"Content-Length: 10\r\n\r\n12345",
    "a chunk without its end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12",
    "chunks without a last one": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "what waits for a 100": HEAD + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "a path that is unknown": HEAD.replace(b"taken", b"nowhere") + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "an old version": HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 10\r\n\r\n123",
    "an upgrade": GET[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n1",
}


@pytest.mark.parametrize("begun", UNFINISHED)
@pytest.mark.parametrize("after", [b"", GET], ids=["at first", "after another"])
async def test_a_request_that_is_never_completed_ends(quick: None, begun: str, after: bytes) -> None:
    async with _serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        if after:
            writer.write(after)
            assert b"small" in await reader.readuntil(b"small")
        writer.write(UNFINISHED[begun])
        if after and not UNFINISHED[begun]:
            writer.close()  # a connection that was used may rest
            return
        async with asyncio.timeout(8):
            while await _read(reader):
                pass
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(2**16)
    except ConnectionError:
        return b""


async def test_a_body_that_comes_byte_by_byte_ends_too(quick: None) -> None:
    async with _serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
        sent = 0
        async with asyncio.timeout(8):
            while not reader.at_eof() and not writer.is_closing():
                writer.write(b"x")
                sent += 1
                await asyncio.sleep(0.05)
                if sent > 5 and await _ended(reader):
                    break
        assert sent < 100
        writer.close()


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.01):
            return not await reader.read(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def test_an_answer_that_nobody_reads_ends(quick: None) -> None:
    async with _serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**10)
        writer.write(GET.replace(b"small", b"large"))
        await asyncio.sleep(2)
        got = 0
        while piece := await _read(reader):
            got += len(piece)
        assert got < LARGE
        writer.close()


async def test_a_connection_that_was_used_may_rest_and_a_large_answer_be_read(quick: None) -> None:
    async with _serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(2):
            writer.write(GET)
            assert b"small" in await reader.readuntil(b"small")
            await asyncio.sleep(1)
        writer.write(GET.replace(b"small", b"large"))
        await reader.readuntil(b"\r\n\r\n")
        assert len(await reader.readexactly(LARGE)) == LARGE
        writer.close()


async def test_one_address_has_so_many_connections_and_not_all(caplog: pytest.LogCaptureFixture) -> None:
    async with _serving(most=6, of_an_address=4) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After" in answer
        others = [
            await asyncio.open_connection("127.0.0.1", server.port, local_addr=(f"127.0.0.{host}", 0))
            for host in (2, 3)
        ]
        await asyncio.sleep(0.1)
        last, last_writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.4", 0))
        assert b"503" in await last.read()
        for _, one in [*held, *others]:
            one.close()
        await asyncio.sleep(0.1)
        reader, again = await asyncio.open_connection("127.0.0.1", server.port)
        again.write(GET)
        assert b"small" in await reader.readuntil(b"small")
        for one in (writer, last_writer, again):
            one.close()


async def test_all_requests_together_hold_so_much_memory_and_it_is_given_back() -> None:
    async with _serving(memory=30 * 2**20) as server:
        free = server.memory.free
        packed = gzip.compress(bytes(4 * 2**20))
        head = b"POST /taken?for=0.5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: gzip\r\n"
        request = head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed

        async def post() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            return answer.split()[1]

        answers = await asyncio.gather(*(post() for _ in range(10)))
        assert sorted(set(answers)) == [b"200", b"429"]
        assert answers.count(b"200") == 2
        assert await post() == b"200"
        assert server.memory.free == free


def test_json_of_very_many_objects_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(Unreadable, match="objects and lists"):
        check_objects(b"[" + b"{}," * 500_000 + b"{}]")
    check_objects(b"[" + b'{"a":"' + b"x" * 600_000 + b'"}]')


def _in_a_process(limit: int, program: str) -> str:
    command = ["bash", "-c", f"ulimit -Sn {limit}; exec {sys.executable} -c '{program}'"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_the_limit_of_descriptors_is_raised_to_what_the_system_allows() -> None:
    program = "from bot.components.descriptors import raised_limit; print(raised_limit())"
    assert int(_in_a_process(300, program)) > 300


def test_that_descriptors_ran_out_is_logged() -> None:
    program = (
        "import asyncio, os, resource\n"
        "from contextlib import suppress\n"
        "from bot.components import descriptors\n"
        "async def main():\n"
        "    watch = asyncio.create_task(descriptors.descriptors_component().run())\n"
        "    await asyncio.sleep(0.1)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "    with suppress(OSError):\n"
        "        while True: os.open(os.devnull, os.O_RDONLY)\n"
        "    await asyncio.sleep(1.5)\n"
        "asyncio.run(main())\n"
    )
    assert "descriptors.exhausted" in _in_a_process(300, program.replace("'", '"'))
