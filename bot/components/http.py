"""HTTP: the API and the endpoints of senders, and the server in front of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from bot.components.assistant import Answering
from bot.components.process import Process
from bot.components.sign_in import SignIn
from bot.observability.metrics import DOORS_OPEN
from handlers.api.operation import Backend
from handlers.api.server import Api, Health
from handlers.api.tokens import Tokens
from handlers.http.connections import Connections
from handlers.http.endpoint import Limits, add_webhook_routes, source_secrets
from handlers.http.fast_path import Deliver, Lane
from handlers.http.heartbeats import add_heartbeat_routes
from handlers.http.memory import Memory, share_memory
from handlers.http.problem import add_unknown_paths
from handlers.lineage import add_lineage_routes
from handlers.mcp import McpEndpoint
from handlers.models import add_model_routes
from handlers.pages import Pages
from handlers.telemetry import add_telemetry_routes

if TYPE_CHECKING:
    from bot.watches.models.challenge.verdict import Challenges

CLOSE_SECONDS = 10.0
_PLAIN: dict[str, Any] = {"access_log": None, "auto_decompress": False}

log = structlog.get_logger(__name__)


def add_routes(
    http: web.Application, process: Process, answering: Answering, health: Health, sign_in: SignIn
) -> Mapping[bytes, Deliver]:
    """What this process answers; returns what the fast path may deliver to, by path."""
    has_endpoints = process.environment.role.has_endpoints
    _add_api(http, process, answering, health, sign_in)
    DOORS_OPEN.set(has_endpoints)
    return _add_sender_endpoints(http, process) if has_endpoints else {}


def _add_api(http: web.Application, process: Process, answering: Answering, health: Health, sign_in: SignIn) -> None:
    """What is asked of Tandem; of a process without endpoints for senders, only its health."""
    token, services, config = process.environment.api_token, process.services, process.config
    sole = token.get_secret_value() if token else None
    backend = Backend(
        services.database,
        services.rules,
        services.clock,
        services.broadcast.publish_change,
        config.policy,
        answering.knowledge,
        answering.ask_model,
        cache(lambda: _challenges(process)),
        config.patches,
    )
    tokens = Tokens(sole, config.api.tokens)
    api = Api(services.database, services.inbox, sole, health, tokens=tokens, backend=backend)
    services.broadcast.on_change(api.feed.wake)
    if process.environment.role.has_endpoints:
        api.add_routes(http)
        McpEndpoint(api.serving).add_routes(http)
        Pages(backend, tokens, answering.roster, sign_in.slack).add_routes(http)
    else:
        api.add_health_routes(http)


def _challenges(process: Process) -> "Challenges":
    from bot.watches.models.challenge.verdict import Challenges

    return Challenges(process.services.database, process.frames)


def _add_sender_endpoints(http: web.Application, process: Process) -> Mapping[bytes, Deliver]:
    secret = process.environment.webhook_token
    token = secret.get_secret_value() if secret else None
    if token is None:
        log.warning("webhooks.closed", reason="TANDEM_WEBHOOK_TOKEN is not set: every webhook is answered with 401")
    services, intake = process.services, process.intake
    clock, rules = services.clock, services.rules
    by, count = rules.correlation.partition_by, rules.partitions
    limits = Limits(process.environment.max_body, process.refusals.note, services.look_up)
    secrets, mapped = source_secrets(), process.config.sources
    fast = add_webhook_routes(http, intake, token, clock, by, count, secrets, mapped, limits, rules.enrichment)
    add_heartbeat_routes(http, intake, token, clock, rules)
    add_telemetry_routes(http, intake, token, clock, rules)
    add_lineage_routes(http, intake, token, clock, rules)
    add_model_routes(http, intake, services.database, process.frames, token, clock, rules)
    return fast


class HttpServer:
    """The listening socket with its connections, which outlive what answers them; ``url`` is known once it is open.

    What answers can be exchanged while it is open: each connection goes on, and its next request meets the new one.
    """

    def __init__(self, address: tuple[str, int], connections: Connections) -> None:
        self._address, self._connections = address, connections
        self._memory = Memory()
        self._answering: web.AppRunner | None = None
        self._lane: Lane | None = None
        self._stack = AsyncExitStack()
        self.url = ""

    async def serve(self, http: web.Application, fast: Mapping[bytes, Deliver]) -> None:
        """Let these answer from now on; the first time, open for senders. Raises OSError."""
        add_unknown_paths(http)
        share_memory(http, self._memory)
        runner = web.AppRunner(http, access_log=None, handle_signals=False)
        await runner.setup()
        before, self._answering = self._answering, runner
        if self._lane is None:
            await self._open(fast)
            return
        self._lane.endpoints = fast
        if before is not None:
            await before.cleanup()

    async def _open(self, fast: Mapping[bytes, Deliver]) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end_answering)
            front = web.Server(self._answer, request_factory=_first(self._answering).request_factory, **_PLAIN)
            runner = _Front(front, self._shut_down_answering)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            lane = Lane(fast, front, self._connections, self._memory)
            stack.push_async_callback(lane.close, CLOSE_SECONDS)
            server = await asyncio.get_running_loop().create_server(lane, *self._address, backlog=1024)
            stack.callback(server.close)
            host, port = server.sockets[0].getsockname()[:2]
            self.url, self._lane = f"http://{host}:{port}", lane
            self._stack = stack.pop_all()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        return await _first(self._answering).request_handler(request)

    async def _shut_down_answering(self) -> None:
        """What would never end by itself, as a stream of events, ends."""
        if self._answering is not None:
            await self._answering.shutdown()

    async def _end_answering(self) -> None:
        if self._answering is not None:
            await self._answering.cleanup()

    async def stop(self) -> None:
        """Take nothing new; what was taken has its answer."""
        await self._stack.aclose()


class _Front(web.ServerRunner):
    """Ends the connections of aiohttp; ``before`` is called when no connection is idle any more."""

    def __init__(self, server: web.Server, before: Callable[[], Awaitable[None]]) -> None:
        super().__init__(server, handle_signals=False, shutdown_timeout=CLOSE_SECONDS)
        self._before = before

    async def shutdown(self) -> None:
        await self._before()


def _first(runner: web.AppRunner | None) -> web.Server:
    assert runner is not None and runner.server is not None
    return runner.server
