"""The composition root: builds the components of one process, starts them in order and stops them in reverse."""

import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from bot.components.audit_head import audit_head_component
from bot.components.component import Component, Components
from bot.components.descriptors import connections_of, descriptors_component
from bot.components.health import health_components
from bot.components.http import HttpServer, add_routes
from bot.components.maintenance import maintenance_components
from bot.components.membership import handover_component, share_component
from bot.components.pipeline import make_models_watch, models_component, worker_component
from bot.components.process import Process, backlog_component, intake_component, open_process
from bot.components.remediation import make_remediation, remediation_component, workflows_component
from bot.components.slack import (
    connect_to_slack,
    health_of,
    person_lookup,
    slack_components,
    slack_endpoint,
    socket_health_of,
)
from bot.components.tools import tool_components
from bot.config import Config, Environment
from bot.observability import tracing
from bot.remediation.workflow import Remediation
from handlers.http.tracing import middlewares

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch

log = structlog.get_logger(__name__)


class App:
    """One Tandem process. Use as an async context manager; ``url`` is known once it is entered."""

    def __init__(self, environment: Environment, config: Config, host: str = "127.0.0.1", port: int = 8080) -> None:
        self._environment = environment
        self._config = config
        self._address = host, port
        self._stack = AsyncExitStack()
        self._components = Components()
        self.url = ""

    async def __aenter__(self) -> "App":
        async with AsyncExitStack() as stack:
            process = await stack.enter_async_context(open_process(self._environment, self._config))
            server, components = build(process, *self._address)
            await self._components.start(components, process.membership, stack)
            self._stack = stack.pop_all()
        self.url = server.url
        _keep_what_was_made()
        role, channel = self._environment.role.value, self._config.slack.channel
        log.info("tandem.ready", url=self.url, role=role, channel=channel)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """The endpoints close first and the database last: what was acknowledged is finished on the way."""
        log.info("tandem.stopping")
        await self._stack.aclose()
        log.info("tandem.stopped")

    async def failed(self) -> None:
        """Return when a component that should run for ever has ended; raises what ended it."""
        await self._components.failed()


def build(process: Process, host: str, port: int) -> tuple[HttpServer, list[Component]]:
    """The server, and all components of a process in the order in which they start.

    What works is there before the endpoints that bring it work: these open last and close first. Only the handover to
    the other replicas comes before they close.
    """
    role = process.environment.role
    models = make_models_watch(process)
    slack = connect_to_slack(process)
    remediation = make_remediation(process, person_lookup(process, slack)) if role.works else None
    work = list(_work(process, models, remediation)) if remediation else []
    http = web.Application(middlewares=middlewares())
    fast = add_routes(http, process, partial(health_of, slack), partial(socket_health_of, slack))
    interaction = list(slack_endpoint(process, slack, http, models)) if slack and role.has_endpoints else []
    fast = {} if tracing.on() else fast  # a span needs a request
    server = HttpServer(http, fast, (host, port), connections_of(process.environment))
    return server, [
        descriptors_component(),
        backlog_component(process),
        *([models_component(models)] if models else []),
        *work,
        intake_component(process),
        *(slack_components(process, slack) if slack else []),
        *health_components(process, slack),
        *interaction,
        *([share_component(process, remediation)] if remediation else []),
        Component("http", start=server.start, stop=server.stop),
        *([handover_component(process)] if remediation else []),
    ]


def _work(process: Process, models: "ModelsWatch | None", remediation: Remediation) -> Iterator[Component]:
    """What a process with a share of the leases does, but for what it shows in Slack."""
    yield workflows_component(remediation)
    yield worker_component(process, models)
    yield remediation_component(remediation)
    yield audit_head_component(process)
    yield from maintenance_components(process)
    yield from tool_components(process)


def _keep_what_was_made() -> None:
    """No collection need look again at what was made until now: it stays."""
    gc.collect()
    gc.freeze()
