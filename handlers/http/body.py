"""Reads a request's body, unpacked, within the endpoint's limits of size and time.

aiohttp could unpack as well, but answers what it cannot unpack by itself, before any endpoint is asked.
"""

import asyncio
import zlib

from aiohttp import web

from handlers.http.memory import Share

READ_SECONDS = 30.0
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_PIECE = 2**18
MOST_OBJECTS = 400_000
_PACKED = ("gzip", "x-gzip", "deflate")


class Unreadable(Exception):
    """The body cannot be taken; ``status`` is the answer's, the message its detail."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def check_objects(body: bytes) -> None:
    """Raises Unreadable for JSON of so many objects and lists that they would fill the memory when decoded.

    An empty one takes two bytes of a body and sixty of memory.
    """
    if len(body) > MOST_OBJECTS and body.count(b"{") + body.count(b"[") > MOST_OBJECTS:
        raise Unreadable(413, f"At most {MOST_OBJECTS} objects and lists are taken at once.")


class _Bounded:
    """Collects a body. ``add`` raises Unreadable, InboxFull and zlib.error."""

    def __init__(self, encoding: str, limit: int, left_packed: str, share: Share) -> None:
        if encoding not in ("identity", *_PACKED, left_packed):
            raise Unreadable(415, f"Content-Encoding {encoding[:40]!r} is not taken, only gzip and deflate.")
        self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _PACKED else None
        self._limit = limit
        self._share = share
        self.whole = bytearray()

    async def add(self, chunk: bytes) -> None:
        if self._unpack is None:
            self._keep(chunk)
            return
        while chunk:
            self._keep(self._unpack.decompress(chunk, _PIECE))
            chunk = self._unpack.unconsumed_tail
            if chunk:
                await asyncio.sleep(0)  # what unpacks to very much lets others have their turn
        if self._unpack.unused_data:
            raise zlib.error("something follows its end")

    def _keep(self, piece: bytes) -> None:
        if len(self.whole) + len(piece) > self._limit:
            raise Unreadable(413, f"At most {self._limit} bytes are taken at once.")
        self._share.grow(len(piece))
        self.whole += piece

    def end(self) -> bytes:
        if self._unpack and not self._unpack.eof:
            raise zlib.error("its end is missing")
        return bytes(self.whole)


def _at_hand(request: web.Request, limit: int) -> bytes:
    """A small body, which came along with its headers."""
    whole = request.content.read_nowait()
    if len(whole) > limit:
        raise Unreadable(413, f"At most {limit} bytes are taken at once.")
    return whole


async def read_body(request: web.Request, limit: int, share: Share, left_packed: str = "identity") -> bytes:
    """The body, held by ``share``; what is packed as ``left_packed`` is for the caller to unpack.

    Raises Unreadable, and InboxFull where all requests together hold too much.
    """
    if request.content.is_eof() and "Content-Encoding" not in request.headers:
        whole = _at_hand(request, limit)
        share.grow(len(whole))
        return whole
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    body = _Bounded(encoding, limit, left_packed, share)
    if (request.content_length or 0) > limit:
        raise Unreadable(413, f"At most {limit} bytes are taken at once.")
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_any():
                await body.add(chunk)
        return body.end()
    except TimeoutError as error:
        raise Unreadable(408, f"The body did not arrive within {READ_SECONDS:g} s.") from error
    except zlib.error as error:
        raise Unreadable(400, f"The body is not {encoding}, as its Content-Encoding says: {error}") from error
    except (web.RequestPayloadError, ConnectionResetError) as error:
        raise Unreadable(400, f"The body cannot be read: {error}") from error
