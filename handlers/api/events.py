"""``GET /api/events``: what happens, as Server-Sent Events. https://html.spec.whatwg.org/multipage/server-sent-events.html

Who comes back with the id of the last event gets what followed. Who does not read is let go, and may come back.
"""

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from aiohttp import web

from bot.domain.access.scope import Scope
from bot.domain.outgoing.event import name_of
from bot.errors import StorageUnavailable
from bot.storage.queries.listed.feed import Happening
from handlers.api.feed import MOST_KEPT, Feed, Full
from handlers.api.query import problem_of_query
from handlers.api.serving import Serving, refusal
from handlers.api.shapes import EventShape
from handlers.api.tokens import Caller
from handlers.http.problem import come_again, problem

SCOPES = (Scope.INCIDENTS_READ,)
BEAT_SECONDS, WRITE_SECONDS = 15.0, 10.0
_BUFFER = 2**14
_RETRY_AFTER = 10
_POSITION = re.compile(r"[0-9]{1,15}")
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # or nginx keeps events back
}


class Events:
    def __init__(self, serving: Serving, feed: Feed) -> None:
        self._serving = serving
        self._feed = feed

    async def stream(self, request: web.Request) -> web.StreamResponse:
        caller = self._serving.admitted(request, SCOPES)
        if isinstance(caller, web.Response):
            return caller
        if wrong := problem_of_query(request.query, ["after"]):
            return problem(400, wrong)
        given = request.query.get("after", request.headers.get("Last-Event-ID"))
        if given is not None and not _POSITION.fullmatch(given):
            return problem(400, "Last-Event-ID: the id of an event is expected.")
        try:
            async with self._feed.listening():
                return await self._stream(request, caller, self._from(given))
        except Full:
            return problem(429, "So many listen already: come again.", come_again(_RETRY_AFTER))
        except StorageUnavailable as error:
            return refusal(error)

    def _from(self, given: str | None) -> int:
        return self._feed.position if given is None else min(int(given), self._feed.position)

    async def _stream(self, request: web.Request, caller: Caller, position: int) -> web.StreamResponse:
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        if request.transport is not None:
            request.transport.set_write_buffer_limits(high=_BUFFER)
        try:
            await _write(response, b"retry: 2000\nid: %d\n\n" % position)
            while not self._feed.closed and self._still(request, caller):
                found = await self._feed.after(position, BEAT_SECONDS)
                position = found[-1].position if found else position
                await _write(response, encoded(one for one in found if caller.sees(one.domain)) or b":\n\n")
        except (TimeoutError, ConnectionError, StorageUnavailable):
            if request.transport is not None:
                request.transport.abort()
        return response

    def _still(self, request: web.Request, caller: Caller) -> bool:
        """Whether the token that the stream began with is still taken."""
        return self._serving.caller_of(request) == caller


async def _write(response: web.StreamResponse, data: bytes) -> None:
    """Raises TimeoutError for a client that does not read."""
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(data)


def encoded(found: Iterable[Happening]) -> bytes:
    return b"".join(_event(one) for one in found)


@lru_cache(maxsize=MOST_KEPT)
def _event(one: Happening) -> bytes:
    """Made once for all who listen. JSON has no line break that would end it."""
    name = name_of(one.kind)
    shape = msgspec.convert(one._asdict() | {"kind": one.kind}, EventShape)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (one.position, name.encode(), msgspec.json.encode(shape))
