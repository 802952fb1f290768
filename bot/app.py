"""The composition root: builds the components of one process, starts them in order and stops them in reverse."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from bot import GC_THRESHOLDS
from bot.components.assistant import make_answering
from bot.components.audit_head import audit_head_component
from bot.components.component import Component, Components, Started
from bot.components.descriptors import connections_of, descriptors_component, heap_component
from bot.components.health import health_components
from bot.components.http import HttpServer, add_routes
from bot.components.kubernetes import kubernetes_components, make_cluster
from bot.components.maintenance import maintenance_components
from bot.components.membership import handover_component, share_component
from bot.components.models.pull import pull_components
from bot.components.oncall import make_roster, on_call_components
from bot.components.outgoing import outgoing_components
from bot.components.people.homes import homes_component
from bot.components.people.own_channels import own_channels_component
from bot.components.people.tickets import ticket_components
from bot.components.people.updates import updates_component
from bot.components.pipeline import import_what_it_needs, make_models_watch, models_component, worker_component
from bot.components.process import (
    Process,
    backlog_component,
    intake_component,
    lookups_component,
    open_process,
)
from bot.components.remediation import make_remediation, remediation_component, workflows_component
from bot.components.routes import routes_component
from bot.components.sign_in import make_sign_in
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
from bot.errors import ConfigError
from bot.observability import tracing
from bot.observability.heap import own_heap
from bot.remediation.workflow import Remediation
from handlers.api.server import Health
from handlers.http.fast_path import Deliver
from handlers.http.tracing import middlewares

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch

log = structlog.get_logger(__name__)


class App:
    """One Tandem process. Use as an async context manager; ``url`` is known once it is entered."""

    def __init__(self, environment: Environment, config: Config, host: str = "127.0.0.1", port: int = 8080) -> None:
        self._environment = environment
        self._config = config
        self._components = Components()
        self._server = HttpServer((host, port), connections_of(environment))
        self._lasting = AsyncExitStack()
        self._changing = asyncio.Lock()
        self._process: Process
        self._configured: Configured

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def config(self) -> Config:
        """By which it works now."""
        return self._process.config

    async def __aenter__(self) -> "App":
        """What works is there before the endpoints that bring it work: these open last and close first. Only the
        handover to the other replicas comes before they close."""
        async with AsyncExitStack() as stack:
            self._process = process = await stack.enter_async_context(open_process(self._environment, self._config))
            await import_what_it_needs(process.services.rules)
            machine = [descriptors_component(), heap_component(own_heap())]
            below = [*machine, backlog_component(process), intake_component(process)]
            await self._start(below, await stack.enter_async_context(_started()))
            process.services.broadcast.keep()
            self._configured = await self._begin(process)
            stack.push_async_callback(self._end)
            await self._start(self._above(), await stack.enter_async_context(_started()))
            self._lasting = stack.pop_all()
        _keep_what_was_made()
        role, channel = self._environment.role.value, self._config.slack.channel
        log.info("tandem.ready", url=self.url, role=role, channel=channel)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """The endpoints close first and the database last: what was acknowledged is finished on the way."""
        async with self._changing:
            log.info("tandem.stopping")
            await self._lasting.aclose()
            log.info("tandem.stopped")

    async def failed(self) -> None:
        """Return when a component that should run for ever has ended; raises what ended it."""
        await self._components.failed()

    async def reload(self, config: Config) -> None:
        """Go on with another configuration: what works by it stops and starts anew; the endpoints take all meanwhile.

        Raises ConfigError where it cannot be: then all goes on as it was.
        """
        async with self._changing:
            process, before = self._process.configured(config), self._configured
            await import_what_it_needs(process.services.rules)
            await before.started.stack.aclose()
            try:
                await self._replace(before, process)
            except Exception as error:
                log.exception("config.not_started", reason=str(error))
                await self._replace(before, self._process)
                raise ConfigError(f"it is valid, and Tandem cannot start with it: {error}") from error
            self._process = process

    async def _replace(self, before: "Configured", process: Process) -> None:
        process.services.broadcast.forget()
        gc.unfreeze()
        self._configured = await self._begin(process)
        await self._server.serve(self._configured.http, self._configured.fast)
        await before.started.lingering.aclose()
        _keep_what_was_made()

    async def _begin(self, process: Process) -> "Configured":
        made = build(process)
        try:
            await self._start(made.components, made.started)
        except BaseException:
            await made.started.stop()
            raise
        return made

    async def _start(self, components: Sequence[Component], started: Started) -> None:
        await self._components.start(components, self._process.membership, started)

    async def _end(self) -> None:
        await self._configured.started.stop()

    def _above(self) -> list[Component]:
        works = self._environment.role.works
        return [
            *([share_component(self._process, self._recover)] if works else []),
            Component("http", start=self._serve, stop=self._server.stop),
            *([handover_component(self._process)] if works else []),
        ]

    async def _serve(self) -> None:
        await self._server.serve(self._configured.http, self._configured.fast)

    async def _recover(self, replica: str) -> None:
        """Take over the runs of a replica that died, also while the configuration changes."""
        async with self._changing:
            if self._configured.remediation is not None:
                await self._configured.remediation.recover(replica)


@dataclass(frozen=True)
class Configured:
    """What works by one configuration, until another takes its place: its components, and what answers requests."""

    components: Sequence[Component]
    http: web.Application
    fast: Mapping[bytes, Deliver]
    remediation: Remediation | None
    started: Started = field(default_factory=Started)


@asynccontextmanager
async def _started() -> AsyncIterator[Started]:
    started = Started()
    try:
        yield started
    finally:
        await started.stop()


def build(process: Process) -> Configured:
    """All components that work by the configuration, in the order in which they start."""
    role = process.environment.role
    models = make_models_watch(process)
    roster = make_roster(process)
    answering = make_answering(process, roster)
    slack = connect_to_slack(process, roster)
    cluster = make_cluster(process) if role.works else None
    people = person_lookup(process, slack, roster)
    remediation = make_remediation(process, people, cluster) if role.works else None
    work = list(_work(process, models, remediation)) if remediation else []
    http = web.Application(middlewares=middlewares())
    sign_in = make_sign_in(process, slack, roster)
    workflows = remediation.health if remediation else None
    health = Health(partial(health_of, slack), process.membership.status, partial(socket_health_of, slack), workflows)
    fast = add_routes(http, process, answering, health, sign_in)
    interaction = list(slack_endpoint(process, slack, http, models, answering)) if slack and role.has_endpoints else []
    components = [
        lookups_component(process),
        *([models_component(models)] if models else []),
        *(kubernetes_components(process, cluster) if cluster else []),
        *work,
        *(slack_components(process, slack) if slack else []),
        *([homes_component(process, slack, roster)] if slack and role.works else []),
        *([own_channels_component(process, slack, roster)] if slack and role.works else []),
        *([routes_component(process)] if slack is None and role.works else []),
        *(on_call_components(process, slack, roster) if role.works else []),
        *health_components(process, slack, remediation),
        *answering.components,
        *sign_in.components,
        *interaction,
    ]
    return Configured(components, http, {} if tracing.on() else fast, remediation)  # a span needs a request


def _work(process: Process, models: "ModelsWatch | None", remediation: Remediation) -> Iterator[Component]:
    """What a process with a share of the leases does, but for what it shows in Slack."""
    yield workflows_component(remediation)
    yield worker_component(process, models)
    yield remediation_component(remediation)
    yield audit_head_component(process)
    yield from maintenance_components(process, remediation.forget)
    yield from tool_components(process)
    yield from outgoing_components(process)
    yield from ticket_components(process)
    yield updates_component(process)
    yield from pull_components(process)


def _keep_what_was_made() -> None:
    """No collection need look again at what was made until now: it stays."""
    gc.set_threshold(*GC_THRESHOLDS)
    gc.collect()
    gc.freeze()


gc.freeze()  # what was imported stays: no collection need look at it, the one at the end included
