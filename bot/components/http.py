"""HTTP: the API and the endpoints of senders, and the server in front of them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

import structlog
from aiohttp import web

from bot.components.process import Process
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
from handlers.models import add_model_routes
from handlers.telemetry import add_telemetry_routes

CLOSE_SECONDS = 10.0

SlackHealth = Callable[[], tuple[str, bool]]

log = structlog.get_logger(__name__)


def add_routes(
    http: web.Application, process: Process, slack_health: SlackHealth, socket_health: SlackHealth
) -> Mapping[bytes, Deliver]:
    """What this process answers; returns what the fast path may deliver to, by path."""
    has_endpoints = process.environment.role.has_endpoints
    _add_api(http, process, slack_health, socket_health)
    DOORS_OPEN.set(has_endpoints)
    return _add_sender_endpoints(http, process) if has_endpoints else {}


def _add_api(http: web.Application, process: Process, slack_health: SlackHealth, socket_health: SlackHealth) -> None:
    """What is asked of Tandem; of a process without endpoints for senders, only its health."""
    token, services, config = process.environment.api_token, process.services, process.config
    health = Health(slack_health, process.membership.status, socket_health)
    sole = token.get_secret_value() if token else None
    backend = Backend(
        services.database, services.rules, services.clock, services.broadcast.publish_change, config.policy
    )
    tokens = Tokens(sole, config.api.tokens)
    api = Api(services.database, services.inbox, sole, health, tokens=tokens, backend=backend)
    services.broadcast.on_change(api.feed.wake)
    (api.add_routes if process.environment.role.has_endpoints else api.add_health_routes)(http)


def _add_sender_endpoints(http: web.Application, process: Process) -> Mapping[bytes, Deliver]:
    secret = process.environment.webhook_token
    token = secret.get_secret_value() if secret else None
    if token is None:
        log.warning("webhooks.closed", reason="TANDEM_WEBHOOK_TOKEN is not set: every webhook is answered with 401")
    services, intake = process.services, process.intake
    clock, rules = services.clock, services.rules
    by, count = rules.correlation.partition_by, rules.partitions
    limits = Limits(process.environment.max_body, process.refusals.note)
    secrets, mapped = source_secrets(), process.config.sources
    fast = add_webhook_routes(http, intake, token, clock, by, count, secrets, mapped, limits)
    add_heartbeat_routes(http, intake, token, clock, rules)
    add_telemetry_routes(http, intake, token, clock, rules)
    add_model_routes(http, intake, services.database, process.frames, token, clock, rules)
    return fast


class HttpServer:
    """``url`` is known once it has started."""

    def __init__(
        self, http: web.Application, fast: Mapping[bytes, Deliver], address: tuple[str, int], connections: Connections
    ) -> None:
        self._http, self._fast = http, fast
        self._address, self._connections = address, connections
        self._stack = AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        """Open for senders: the last thing that a process does before it is ready. Raises OSError."""
        async with AsyncExitStack() as stack:
            await self._listen(stack)
            self._stack = stack.pop_all()

    async def _listen(self, stack: AsyncExitStack) -> None:
        add_unknown_paths(self._http)
        memory = Memory()
        share_memory(self._http, memory)
        runner = web.AppRunner(
            self._http, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS, auto_decompress=False
        )
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        assert runner.server is not None
        lane = Lane(self._fast, runner.server, self._connections, memory)
        stack.push_async_callback(lane.close, CLOSE_SECONDS)
        server = await asyncio.get_running_loop().create_server(lane, *self._address, backlog=1024)
        stack.callback(server.close)
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Take nothing new; what was taken has its answer."""
        await self._stack.aclose()
