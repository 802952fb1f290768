"""The fast path: a delivery that is wholly plain goes straight to its endpoint; all else to aiohttp, byte for byte.

Most of what a busy endpoint does for a small delivery is not its own work but the server's around it: a request, a task
and a response object each. What a sender posts again and again over one connection needs none of them. Plain is an
HTTP/1.1 POST to a known source with a Content-Length and nothing between headers and body; whatever is not, or is
refused, is given with all its bytes to aiohttp, which then has this connection for good. So nothing is decided here
that is not decided there: an answer other than 202 is always aiohttp's.
"""

import asyncio
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import NamedTuple

import httptools

from bot.errors import InboxFull
from handlers.http import deadlines
from handlers.http.connections import REFUSAL, Connections
from handlers.http.deadlines import IDLE_SECONDS, Watched, as_transport
from handlers.http.memory import Memory, Share

MOST_BYTES = 2**18
"""A request that is larger is read by aiohttp, which can slow its sender down."""
MOST_HEADERS = 64
MOST_IN_A_HEADER = 2**12
"""aiohttp's bounds are higher, and their answers its own."""
_NOT_PLAIN = frozenset({"transfer-encoding", "content-encoding", "expect", "upgrade"})


class Delivery(NamedTuple):
    """Events that are lined up for a commit, and what is to be told how many they were once they are committed."""

    committed: "asyncio.Future[None]"
    events: int
    accepted: Callable[[int], None]


Deliver = Callable[[Mapping[str, str], bytes], Delivery]
"""Headers (names in lower case) and body to what is lined up. Raises where the answer is not to be 202."""


class Lane:
    """Makes the protocol of each connection. ``endpoints`` are by path; ``others`` makes aiohttp's protocol."""

    def __init__(
        self,
        endpoints: Mapping[bytes, Deliver],
        others: Callable[[], asyncio.Protocol],
        open_ones: Connections | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.endpoints = endpoints
        self.others = others
        self.open_ones = open_ones or Connections()
        self.memory = memory or Memory()
        self.connections: set[Connection] = set()
        self.closing = False
        self._second = -1
        self._head = b""

    def __call__(self) -> "Connection":
        return Connection(self)

    async def close(self, timeout: float) -> None:
        """Close the connections that aiohttp does not have: at once, or when what is lined up has its answer."""
        self.closing = True
        for connection in list(self.connections):
            if connection.delivery is None:
                connection.transport.close()
        under_way = [connection.closed for connection in self.connections]
        if under_way:
            await asyncio.wait(under_way, timeout=timeout)

    def answer(self, events: int, now: float) -> bytes:
        if self._second != int(now):
            self._second = int(now)
            date = formatdate(usegmt=True).encode()
            self._head = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nDate: %b\r\n" % date
        body = b'{"accepted": %d}' % events
        return b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body)


class Connection(asyncio.Protocol):
    """One connection, for as long as what comes over it is plain.

    httptools calls what begins with ``on_`` while it is fed. https://github.com/MagicStack/httptools
    """

    transport: asyncio.Transport

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._since = self._loop.time()
        self._answered = False
        self._slow = False
        self._early = b""
        self._address: str | None = None
        self._share = Share(lane.memory)
        self.delivery: Delivery | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._expect()

    def _expect(self) -> None:
        """The next request is a new one."""
        self._raw = self._path = self._body = b""
        self._headers: dict[str, str] = {}
        self._begun = 0
        self._plain = True
        self._whole = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = as_transport(transport)
        self._lane.connections.add(self)
        self._timer = self._loop.call_later(deadlines.FIRST_SECONDS, self._look)
        address = str((transport.get_extra_info("peername") or [""])[0])
        if self._lane.open_ones.take(address):
            self._address = address
        else:
            self.transport.write(REFUSAL)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._lost()

    def _lost(self) -> None:
        if self._address is not None:
            self._lane.open_ones.give(self._address)
            self._address = None

    def pause_writing(self) -> None:
        """The sender does not read our answers: it is not read either."""
        self._slow = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._slow = False
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._address is None:  # refused
            return
        if self.delivery is not None:  # a sender that does not wait for its answer
            self._early += data
            self.transport.pause_reading()
            return
        if self._raw:
            self._raw += data
        else:
            self._raw = data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._plain = False
        if not self._plain or self._begun > 1 or len(self._raw) > MOST_BYTES:
            self._hand_over()
        elif self._whole:
            self._deliver()
        else:
            if len(self._raw) == len(data):
                self._since = self._loop.time()
            self._keep(len(data))

    def _keep(self, size: int) -> None:
        """The rest of the request is to come: what is here is kept until then."""
        try:
            self._share.grow(size)
        except InboxFull:
            self.transport.write(REFUSAL)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        if key in self._headers or key in _NOT_PLAIN or len(value) > MOST_IN_A_HEADER:
            self._plain = False
        self._headers[key] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        parser = self._parser
        if (
            self._path not in self._lane.endpoints
            or "content-length" not in self._headers
            or len(self._headers) > MOST_HEADERS
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
        ):
            self._plain = False

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._whole = True

    def _deliver(self) -> None:
        try:
            self.delivery = self._lane.endpoints[self._path](self._headers, self._body)
        except Exception:  # aiohttp's endpoint meets it again, and answers or logs it
            self._hand_over()
            return
        self.delivery.committed.add_done_callback(self._answer)

    def _answer(self, committed: "asyncio.Future[None]") -> None:
        assert self.delivery is not None
        delivery, self.delivery = self.delivery, None
        stored = not committed.cancelled() and committed.exception() is None
        if stored:
            delivery.accepted(delivery.events)
        if self.transport.is_closing():
            return
        if not stored:
            self._hand_over()
            return
        self._since = self._loop.time()
        self.transport.write(self._lane.answer(delivery.events, self._since))
        self._answered = True
        self._share.release()
        self._expect()
        if self._lane.closing:
            self.transport.close()
        elif self._early:
            self._hand_over()

    def _hand_over(self) -> None:
        """From here on the connection is aiohttp's, beginning with the request that was not plain."""
        self._leave()
        handler = Watched(self._lane.others(), self.transport, self._lost)
        self.transport.set_protocol(handler)
        handler.connection_made(self.transport)
        if self._slow:
            handler.pause_writing()
        elif self._early:
            self.transport.resume_reading()
        handler.data_received(self._raw + self._early)

    def _look(self) -> None:
        """Close a connection over which nothing came for long, or not the whole of a request."""
        first = deadlines.FIRST_SECONDS
        patience = IDLE_SECONDS if self._answered and not self._raw else first
        left = self._since + patience - self._loop.time()
        if self.delivery is None and left <= 0:
            self.transport.abort()
            return
        self._timer = self._loop.call_later(min(max(left, min(1.0, first)), first), self._look)

    def _leave(self) -> None:
        self._timer.cancel()
        self._share.release()
        self._lane.connections.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)
