"""How long a request may take to come, on every path, and an answer to be read.

aiohttp waits for ever for the rest of a request, and for a receiver who does not read. Between the connection and its
protocol stands one of ours that sees where requests begin and end, and ends the connection when one stays incomplete.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

FIRST_SECONDS = 30.0
"""So long may the bytes of a request take, the first one's from the connection's beginning."""
GRACE = 1.0
"""An endpoint that waits for a body ends sooner than the connection, with an answer."""
IDLE_SECONDS = 3600.0
LEAST_RATE = 2**16
"""Bytes a second: a body that comes as fast may take longer, which some that are uploaded need."""


def is_overdue(elapsed: float, size: int, limit: float = FIRST_SECONDS) -> bool:
    """Whether a request of which so many bytes came in so many seconds has had its time."""
    return elapsed >= limit and size < elapsed * LEAST_RATE


class Watched(asyncio.Protocol):
    """Gives all that comes to another protocol, for as long as it comes in time.

    What is no HTTP here, and may be there, has the time of one request. ``on_lost`` is called at the end.
    """

    def __init__(self, handler: asyncio.Protocol, transport: asyncio.Transport, on_lost: Callable[[], None]) -> None:
        self._handler, self._transport, self._on_lost = handler, transport, on_lost
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._since = self._loop.time()
        self._incomplete = True
        self._size = 0
        self._unread: int | None = None
        self._unread_since = 0.0
        self._timer = self._loop.call_later(FIRST_SECONDS + GRACE, self._look)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._on_lost()
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        self._unread, self._unread_since = self._transport.get_write_buffer_size(), self._loop.time()
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._unread = None
        self._handler.resume_writing()

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def data_received(self, data: bytes) -> None:
        if not self._incomplete:
            self._begin()
        self._size += len(data)
        if self._parser is not None:
            try:
                self._parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self._parser, self._incomplete = None, True
        self._handler.data_received(data)

    def on_message_begin(self) -> None:
        """Of several requests in one piece, the last one's beginning counts."""
        self._begin()

    def on_message_complete(self) -> None:
        self._incomplete, self._since = False, self._loop.time()

    def _begin(self) -> None:
        if not self._incomplete:
            self._incomplete, self._since, self._size = True, self._loop.time(), 0

    def _look(self) -> None:
        now = self._loop.time()
        if self._overdue(now):
            self._transport.abort()
            return
        patience = FIRST_SECONDS if self._incomplete else IDLE_SECONDS
        left = max(self._since + patience + GRACE - now, min(1.0, FIRST_SECONDS))
        self._timer = self._loop.call_later(min(left, FIRST_SECONDS), self._look)

    def _overdue(self, now: float) -> bool:
        if self._unread is not None:
            unread = self._transport.get_write_buffer_size()
            if unread < self._unread:
                self._unread, self._unread_since = unread, now
            return now - self._unread_since >= FIRST_SECONDS
        elapsed = now - self._since
        if self._incomplete:
            return is_overdue(elapsed - GRACE, self._size, FIRST_SECONDS)
        return elapsed >= IDLE_SECONDS


def as_transport(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """uvloop's is one without saying so."""
    return cast(asyncio.Transport, transport)
