"""A forward proxy, as companies have: it takes whole addresses and CONNECT, and remembers where it was to go."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


class ForwardProxy:
    """``asked`` are the addresses that were asked for; ``refuse_sockets`` answers WebSockets with 403."""

    def __init__(self, refuse_sockets: bool = False) -> None:
        self.asked: list[str] = []
        self._refuse_sockets = refuse_sockets
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "ForwardProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            self.asked.append(target)
            if self._refuse_sockets and b"upgrade: websocket" in head.lower():
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
            elif method == "CONNECT":
                host, port = target.rsplit(":", 1)
                other = await asyncio.open_connection(host, int(port))
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await _join((reader, writer), other)
            else:
                parts = urlsplit(target)
                other = await asyncio.open_connection(parts.hostname, parts.port or 80)
                other[1].write(head.replace(target.encode(), target.split(parts.netloc, 1)[1].encode(), 1))
                await _join((reader, writer), other)
        writer.close()


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(one: Side, other: Side) -> None:
    await asyncio.gather(_copy(one[0], other[1]), _copy(other[0], one[1]))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
