"""Writes a large body to a file as it arrives, unpacked, within the endpoint's limit."""

import asyncio
import zlib
from collections.abc import Iterator
from typing import IO, Protocol

from aiohttp import web

from bot.errors import StorageUnavailable
from handlers.http.body import Unreadable
from handlers.http.deadlines import FIRST_SECONDS, LEAST_RATE, is_overdue

SECONDS_WITHOUT_A_BYTE = 30.0
_PIECE = 2**20
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class _Unpacking(Protocol):
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk holds, in pieces of bounded size. Raises zlib.error."""

    def end(self) -> None:
        """Raises zlib.error where something is missing."""


class _Plain:
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def end(self) -> None:
        return


class _Packed:
    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            piece = self._unpack.decompress(chunk, _PIECE)
            if self._unpack.unused_data:
                raise zlib.error("something follows its end")
            chunk = self._unpack.unconsumed_tail
            yield piece

    def end(self) -> None:
        if not self._unpack.eof:
            raise zlib.error("its end is missing")


_UNPACKING: dict[str, type[_Plain] | type[_Packed]] = {
    "identity": _Plain,
    "gzip": _Packed,
    "x-gzip": _Packed,
    "deflate": _Packed,
}


async def spool(request: web.Request, file: IO[bytes], most: int) -> None:
    """The body is in the file, flushed, on return. Raises Unreadable, and StorageUnavailable where the disk is full."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in _UNPACKING:
        raise Unreadable(415, f"Content-Encoding {encoding[:40]!r} is not taken, only gzip and deflate.")
    if (request.content_length or 0) > most:
        raise _too_large(most)
    try:
        await _write(request, file, _UNPACKING[encoding](), most)
    except TimeoutError as error:
        reason = str(error) or f"For {SECONDS_WITHOUT_A_BYTE:g} s nothing more of the body came."
        raise Unreadable(408, reason) from error
    except zlib.error as error:
        raise Unreadable(400, f"The body is not {encoding}, as its Content-Encoding says: {error}") from error
    except (web.RequestPayloadError, ConnectionResetError) as error:
        raise Unreadable(400, f"The body cannot be read: {error}") from error
    except OSError as error:
        raise StorageUnavailable(f"the folder for temporary files: {error}") from error


async def _write(request: web.Request, file: IO[bytes], unpacking: _Unpacking, most: int) -> None:
    loop = asyncio.get_running_loop()
    written, came, waited, since = 0, 0, 0.0, loop.time()
    while chunk := await asyncio.wait_for(request.content.readany(), SECONDS_WITHOUT_A_BYTE):
        came += len(chunk)
        waited += loop.time() - since
        if is_overdue(waited, came):
            raise TimeoutError(f"After {FIRST_SECONDS:g} s, a body must have come with {LEAST_RATE} bytes a second.")
        for piece in unpacking.feed(chunk):
            written += len(piece)
            if written > most:
                raise _too_large(most)
            await asyncio.to_thread(file.write, piece)
        since = loop.time()
    unpacking.end()
    await asyncio.to_thread(file.flush)


def _too_large(most: int) -> Unreadable:
    return Unreadable(413, f"At most {most} bytes are taken at once.")
