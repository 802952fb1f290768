"""The composition root: builds the parts, starts them, stops them in order, nothing else."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.cluster.membership import Fleet, make_leases, workflow_database
from bot.config import Config, Environment
from bot.config.environment import secrets_from
from bot.domain.rules import Rules
from bot.health.deadman import OpsChannel, Signs, keep_pinging
from bot.inbox.backlog import Backlog
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.intake import Intake
from bot.inbox.switch import settle
from bot.integrations import ToolTasks
from bot.maintenance.loops import keep_house
from bot.model_store.frames import Frames, open_frames
from bot.notify.rewriter import Rewriter
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.chart_uploads import ChartUploads
from bot.notify.slack.notifier import Notifier
from bot.notify.slack.socket_mode import stay_connected
from bot.observability import tracing
from bot.observability.metrics import DOORS_OPEN
from bot.optional import make_rewriter, works_of_tools
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.remediation.steps import Steps
from bot.remediation.traced import TracedSteps
from bot.remediation.workflow import Remediation
from bot.storage.database import Database, open_database
from bot.storage.lock import hold_alone
from bot.watches.configured import watches
from handlers.api.incidents import Api, Health
from handlers.http.endpoint import add_webhook_routes, source_secrets
from handlers.http.fast_path import Deliver, Lane
from handlers.http.heartbeats import add_heartbeat_routes
from handlers.http.problem import add_wrong_doors
from handlers.http.tracing import middlewares
from handlers.models import add_model_routes
from handlers.slack import SlackDoor, add_slack_route, make_bolt_app
from handlers.telemetry import add_telemetry_routes

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch

CLOSE_SECONDS = 10.0
DRAIN_SECONDS = 5.0
GC_THRESHOLDS = (20_000, 20, 20)
"""A busy door makes many objects that live for a moment only: looking for cycles among them is rarely worth it."""
SLACK_TIMEOUT = aiohttp.ClientTimeout(total=15)

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class App:
    """One Tandem process. Use as an async context manager; ``url`` is known once it is entered."""

    def __init__(self, environment: Environment, config: Config, host: str = "127.0.0.1", port: int = 8080) -> None:
        self._environment = environment
        self._config = config
        self._host, self._port = host, port
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._remediation: Remediation | None = None
        self._notifier: Notifier | None = None
        self._rewriter: Rewriter | None = None
        self._tools = ToolTasks(utc_now, environment.silences_every)
        self.url = ""

    async def __aenter__(self) -> "App":
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """The doors close first and the database last: what was acknowledged is finished on the way."""
        log.info("tandem.stopping")
        if self._environment.role.works:
            await self._fleet.leave()
        await self._stack.aclose()
        log.info("tandem.stopped")

    async def failed(self) -> None:
        """Return when a part that should run for ever has ended; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _start(self) -> None:
        """What works is there before the doors that bring it work: these open last."""
        role = self._environment.role
        database, inbox = await self._open_database()
        rules = self._config.rules()
        frames = open_frames(database, self._environment.model_store)
        fleet = await self._join_fleet(database, rules)
        backlog = Backlog(database, inbox, utc_now, rules.partitions, self._environment.most_waiting)
        await backlog.look()
        self._run("backlog", backlog.run())
        intake = Intake(inbox, full_for=backlog.retry_after)
        self._models = self._watch_models(rules, database, frames)
        take_share = await self._start_work(database, inbox, frames, intake, rules) if role.works else None
        intake.start(fleet.appended)
        self._stack.push_async_callback(intake.stop)
        http = web.Application(middlewares=middlewares())
        api_token = self._environment.api_token
        health = Health(self._slack_health, fleet.share)
        api = Api(database, inbox, api_token.get_secret_value() if api_token else None, health)
        (api.add_routes if role.has_doors else api.add_health_routes)(http)
        express = self._add_doors(http, intake, database, frames, rules) if role.has_doors else {}
        self._signs = Signs(backlog, intake, self._slack_health, utc_now, self._config.deadman.after)
        if url := self._environment.deadman_url:
            self._run("deadman", keep_pinging(url.get_secret_value(), self._environment.deadman_every, self._signs))
        await self._start_slack(database, http, backlog)
        if take_share:
            self._run("leases", take_share())
        add_wrong_doors(http)
        DOORS_OPEN.set(role.has_doors)
        await self._serve(http, {} if tracing.on() else express)  # which makes no request that could be traced

    async def _start_work(
        self, database: Database, inbox: Inbox, frames: Frames, intake: Intake, rules: Rules
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """What partitions and roles need, but Slack; returns what takes a share of them."""
        fleet = self._fleet
        watching = [*watches(rules, utc_now), *([self._models] if self._models else [])]
        worker = Worker(
            database, inbox, rules, make_plan, utc_now, fleet.changed, intake.rest_after, watching, fleet.leases
        )
        remediation = self._remediation = await self._start_remediation(database)
        self._stack.push_async_callback(self._drain, worker)
        self._run("worker", worker.run())
        self._run("remediation", remediation.run())
        kept, environment = self._config.retention, self._environment
        for role, work in keep_house(
            fleet, kept, environment.model_retention, environment.archive, rules, database, inbox, frames, utc_now
        ):
            self._play(role, role, work)
        tools = fleet.under(database, "tools")
        for name, work in (await works_of_tools(self._stack, self._environment, tools, self._tools)).items():
            self._play("tools", name, work)
        return lambda: fleet.work(worker, remediation.recover)

    async def _join_fleet(self, database: Database, rules: Rules) -> Fleet:
        leases = make_leases(database, self._environment.replica, rules.partitions)
        self._stack.push_async_callback(leases.stop)
        await leases.start()
        self._fleet = Fleet(leases, self._wake)
        return self._fleet

    async def _start_remediation(self, database: Database) -> Remediation:
        leases, changed = self._fleet.leases, self._fleet.changed
        remediation = Remediation(
            database,
            self._config.runbooks,
            (TracedSteps if tracing.on() else Steps)(database, utc_now, secrets_from(), changed),
            utc_now,
            changed,
            workflow_database(self._environment.database_url),
            leases.replica,
            self._fleet.holds("remediation"),
            leases.members,
        )
        await remediation.launch()
        self._stack.push_async_callback(remediation.close)
        return remediation

    def _add_doors(
        self, http: web.Application, intake: Intake, database: Database, frames: Frames, rules: Rules
    ) -> Mapping[bytes, Deliver]:
        """Those of senders; returns those that the express lane may deliver to."""
        said = self._environment.webhook_token
        token = said.get_secret_value() if said else None
        if token is None:
            log.warning("webhooks.closed", reason="TANDEM_WEBHOOK_TOKEN is not set: every webhook is answered with 401")
        by, count = rules.correlation.partition_by, rules.partitions
        secrets = source_secrets()
        express = add_webhook_routes(http, intake, token, utc_now, by, count, secrets, self._config.sources)
        add_heartbeat_routes(http, intake, token, utc_now, rules)
        add_telemetry_routes(http, intake, token, utc_now, rules)
        add_model_routes(http, intake, database, frames, token, utc_now, rules)
        return express

    def _watch_models(self, rules: Rules, database: Database, frames: Frames) -> "ModelsWatch | None":
        if not any(model.monitors for model in rules.models.values()):
            return None
        from bot.watches.models.watch import CHECK, ModelsWatch  # brings scikit-learn: 2 s, 100 MB for who needs it

        watch = ModelsWatch(rules, utc_now, database, frames, tell=self._fleet.leases.tell)
        self._fleet.heard[CHECK] = watch.check_now
        self._stack.push_async_callback(watch.close)
        return watch

    async def _open_database(self) -> tuple[Database, Inbox]:
        url = self._environment.database_url
        database = open_database(url)
        self._stack.enter_context(hold_alone(url))
        self._stack.push_async_callback(database.close)
        await database.migrate()
        inbox = open_inbox(database, self._environment.inbox_address)
        self._stack.push_async_callback(inbox.close)
        await settle(database, inbox, self._config.rules().partitions, self._environment.inbox_left)
        return database, inbox

    async def _start_slack(self, database: Database, http: web.Application, backlog: Backlog) -> None:
        token = self._environment.slack_bot_token
        if token is None:
            log.warning("slack.off", reason="SLACK_BOT_TOKEN is not set: incidents are kept, but nobody is told")
            return
        session = await self._stack.enter_async_context(aiohttp.ClientSession(timeout=SLACK_TIMEOUT, trust_env=True))
        client = AsyncWebClient(
            token=token.get_secret_value(),
            base_url=self._environment.slack_api_url.rstrip("/") + "/",
            session=session,
            retry_handlers=[],
        )
        if ops := self._config.slack.ops_channel:
            speaks = self._fleet.holds("notifier")
            self._run("ops channel", OpsChannel(SlackChannel(client, ops), self._signs, utc_now, speaks).run())
        if self._environment.role.works:
            await self._start_speaking(client, database, backlog)
        if self._environment.role.has_doors:
            self._open_slack_door(client, database, http, backlog)

    async def _start_speaking(self, client: AsyncWebClient, database: Database, backlog: Backlog) -> None:
        channel = SlackChannel(client, self._config.slack.channel, self._fleet.holds("notifier"))
        own = self._fleet.under(database, "notifier")
        self._notifier = Notifier(own, channel, utc_now, backlog=backlog)
        self._play("notifier", "notifier", self._notifier.run)
        self._play("notifier", "charts", ChartUploads(own, channel, utc_now).run)
        own = self._fleet.under(database, "rewriter")
        self._rewriter = await make_rewriter(
            self._stack, self._environment, self._config, own, utc_now, self._fleet.changed
        )
        if self._rewriter:
            self._play("rewriter", "rewriter", self._rewriter.run)

    def _open_slack_door(
        self, client: AsyncWebClient, database: Database, http: web.Application, backlog: Backlog
    ) -> None:
        """For what people click and type. What comes of it is in the database, and is told to those who work."""
        secret, app_token = self._environment.slack_signing_secret, self._environment.slack_app_token
        watched = {**self._config.logs.watch, **self._config.metrics.watch}
        door = SlackDoor(
            database, self._config.runbooks, utc_now, self._fleet.changed, watched, self._models, backlog.behind
        )
        bolt = make_bolt_app(client, secret.get_secret_value() if secret else None, door)
        if app_token is not None:
            self._run("socket mode", stay_connected(bolt, app_token.get_secret_value()))
        elif secret is not None:
            add_slack_route(http, bolt, client, secret.get_secret_value(), door)
        else:
            log.warning("slack.one_way", reason="set SLACK_SIGNING_SECRET or SLACK_APP_TOKEN, or no button will work")

    async def _serve(self, http: web.Application, express: Mapping[bytes, Deliver]) -> None:
        runner = web.AppRunner(
            http, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS, auto_decompress=False
        )
        self._stack.push_async_callback(runner.cleanup)
        await runner.setup()
        assert runner.server is not None
        lane = Lane(express, runner.server)
        self._stack.push_async_callback(lane.close, CLOSE_SECONDS)
        server = await asyncio.get_running_loop().create_server(lane, self._host, self._port, backlog=1024)
        self._stack.callback(server.close)
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        gc.collect()
        gc.freeze()  # what was made until here stays: no collection need look at it again
        gc.set_threshold(*GC_THRESHOLDS)
        log.info("tandem.ready", url=self.url, role=self._environment.role.value, channel=self._config.slack.channel)

    def _play(self, role: str, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._run(name, self._fleet.play(role, work))

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        self._stack.push_async_callback(_cancel, task)

    def _wake(self) -> None:
        if self._remediation:
            self._remediation.wake()
        if self._notifier:
            self._notifier.wake()
        if self._rewriter:
            self._rewriter.wake()
        self._tools.wake()

    async def _drain(self, worker: Worker) -> None:
        """Work through what is acknowledged; what does not fit the time is in the inbox for the next start."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await worker.drain()

    def _slack_health(self) -> tuple[str, bool]:
        notifier = self._notifier
        if notifier is None:
            return "off", True
        if notifier.problem is None:
            return "ok", True
        return notifier.problem, notifier.reached and not notifier.refused


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
