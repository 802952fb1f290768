"""A network between two programs that can be cut, refused and mended: TCP, forwarded byte by byte."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, Self

Upstream = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
_CHUNK = 2**16
_BEGINNING = 60


class Heard(NamedTuple):
    at: float
    began: bytes


class TcpProxy:
    """Listens on ``port`` and forwards to ``upstream``; an asynchronous context manager.

    ``delay`` is how many seconds each byte is on its way, in either direction; bytes keep their order. ``heard`` holds
    what the client said that was forwarded: the moment (``time.monotonic()``) and how it began.
    """

    def __init__(self, upstream: Upstream, delay: float = 0.0) -> None:
        self._upstream, self._delay = upstream, delay
        self._server: asyncio.Server | None = None
        self._forwards = asyncio.Event()
        self._forwards.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.heard: list[Heard] = []

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.refuse()

    def cut(self) -> None:
        """Forward nothing from now on and close nothing: what a partitioned network looks like."""
        self._forwards.clear()

    async def refuse(self) -> None:
        """Close all connections and take no new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def resume(self) -> None:
        """Forward again: also what was said meanwhile, as TCP sends again what was not acknowledged."""
        self._forwards.set()
        if self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._forwards.wait()
            there_reader, there_writer = await self._upstream()
            try:
                await self._both_ways(reader, writer, there_reader, there_writer)
            finally:
                there_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            return  # the client sees a connection that is closed
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        there_writer: asyncio.StreamWriter,
    ) -> None:
        """Until one side has ended: then the other has nobody to talk to."""
        pumps = [
            asyncio.create_task(self._pump(reader, there_writer, self.heard)),
            asyncio.create_task(self._pump(there_reader, writer, None)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[Heard] | None
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._forwards.wait()
                if heard is not None:
                    heard.append(Heard(time.monotonic(), chunk[:_BEGINNING]))
                if self._delay:
                    asyncio.get_running_loop().call_later(self._delay, writer.write, chunk)
                    continue
                writer.write(chunk)
                await writer.drain()
        await self._forwards.wait()  # a goodbye does not come through either
