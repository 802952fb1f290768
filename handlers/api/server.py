"""The JSON API, health, readiness and metrics, as the routes of one application."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from aiohttp import web

from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from handlers.api import openapi
from handlers.api.events import Events
from handlers.api.feed import Feed
from handlers.api.health import Health, HealthEndpoints, utc_now
from handlers.api.operation import Backend, Operation, all_operations
from handlers.api.report import Reports
from handlers.api.serving import Serving
from handlers.api.tokens import Tokens

__all__ = ["Api", "Health"]


class Api:
    """``token`` is that of the environment; ``tokens`` are all, and ``backend`` is what they may work with."""

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        token: str | None,
        health: Health,
        clock: Callable[[], datetime] = utc_now,
        *,
        tokens: Tokens | None = None,
        backend: Backend | None = None,
    ) -> None:
        self._health = HealthEndpoints(database, inbox, token, health, clock)
        self._backend = backend or Backend(database, Rules(), clock)
        self.serving = Serving(self._backend, tokens or Tokens(token))
        self.feed = Feed(database)

    def add_routes(self, app: web.Application) -> None:
        for operation in all_operations():
            add = app.router.add_get if operation.method == "GET" else partial(app.router.add_route, operation.method)
            add(operation.path, self._handler(operation))
        app.router.add_get("/api/events", Events(self.serving, self.feed).stream)
        app.router.add_get("/api/incidents/{id}/report.md", Reports(self.serving, self._backend).markdown)
        app.router.add_get("/openapi.json", _openapi)
        app.on_shutdown.append(self._close)
        self.add_health_routes(app)

    async def _close(self, app: web.Application) -> None:
        self.feed.close()

    def add_health_routes(self, app: web.Application) -> None:
        """What is asked of a process that has no endpoints, too."""
        self._health.add_routes(app)

    def _handler(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.serving.answer(request, operation)

        return handle


async def _openapi(request: web.Request) -> web.StreamResponse:
    """It is no secret: whoever may not use the API may know how it is used."""
    return web.Response(body=openapi.document(), content_type="application/json")
