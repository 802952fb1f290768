"""``/mcp``: the Model Context Protocol over streamable HTTP, with the API's tokens and scopes.

No state is kept between requests: any replica answers any of them. https://modelcontextprotocol.io/specification
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web

from bot.domain.access.scope import Scope
from bot.errors import InboxFull, StorageUnavailable
from handlers.api.serving import MOST_BODY, Serving, refusal
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.mcp.bridge import CALLER, answer

if TYPE_CHECKING:
    from handlers.mcp.server import McpServer


class McpEndpoint:
    """The SDK is imported when the first agent comes: who has none pays nothing."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._server: asyncio.Task[McpServer] | None = None

    def add_routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/mcp", self._handle)
        app.cleanup_ctx.append(self._closed)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        caller = self._serving.admitted(request, tuple(Scope))
        if isinstance(caller, web.Response):
            return caller
        try:
            with share_of(request) as share:
                body = await read_body(request, MOST_BODY, share)
        except (Unreadable, StorageUnavailable, InboxFull) as error:
            return refusal(error)
        server = await self._started()
        return await answer(server.asgi, request, body, {CALLER: caller})

    async def _started(self) -> "McpServer":
        if self._server is None:
            self._server = asyncio.create_task(self._start())
        return await asyncio.shield(self._server)

    async def _start(self) -> "McpServer":
        server = await asyncio.to_thread(_imported, self._serving)
        await server.start()
        return server

    async def _closed(self, app: web.Application) -> AsyncIterator[None]:
        yield
        if self._server is not None:
            await (await self._server).stop()


def _imported(serving: Serving) -> "McpServer":
    from handlers.mcp.server import McpServer

    return McpServer(serving)
