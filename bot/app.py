"""The composition root: builds the parts, starts them, stops them in order, nothing else."""

import asyncio
import gc
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import make_url

from bot.config import Config, Environment
from bot.config.environment import secrets_from
from bot.domain.rules import Rules
from bot.pipeline.intake import Intake
from bot.pipeline.pruning import Pruning
from bot.pipeline.watches import watches
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.remediation.steps import Steps
from bot.remediation.workflow import Remediation
from bot.slack.channel import SlackChannel
from bot.slack.chart_uploads import ChartUploads
from bot.slack.language_model import asking
from bot.slack.notifier import Notifier
from bot.slack.rewriter import Rewriter
from bot.slack.socket_mode import stay_connected
from bot.storage import offsets
from bot.storage.database import Database, open_database
from bot.storage.frames import Frames, open_frames
from bot.storage.inbox import Inbox, open_inbox
from bot.storage.lock import hold_alone
from bot.storage.tidying import keep_tidy
from bot.tools import SilenceSync, StatusTeller, ToolTasks, silence_tools, status_tools
from handlers.api import Api, Health
from handlers.heartbeats import add_heartbeat_routes
from handlers.models import add_model_routes
from handlers.problem import add_wrong_doors
from handlers.slack import SlackDoor, add_slack_route, make_bolt_app
from handlers.telemetry import add_telemetry_routes
from handlers.webhooks import add_webhook_routes, source_secrets

if TYPE_CHECKING:
    from bot.pipeline.watch_models import ModelsWatch

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
        await self._stack.aclose()
        log.info("tandem.stopped")

    async def failed(self) -> None:
        """Return when a part that should run for ever has ended; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _start(self) -> None:
        database, inbox = await self._open_database()
        rules = self._config.rules()
        frames = open_frames(database, self._environment.model_store)
        self._run("model data", keep_tidy(database, frames, utc_now, self._environment.model_retention))
        intake = Intake(inbox)
        self._models = self._watch_models(rules, database, frames)
        watching = [*watches(rules, utc_now), *([self._models] if self._models else [])]
        worker = Worker(database, inbox, rules, make_plan, utc_now, self._wake, intake.rest_after, watching)
        steps = Steps(database, utc_now, secrets_from(), self._wake)
        self._remediation = Remediation(
            database,
            self._config.runbooks,
            steps,
            utc_now,
            self._wake,
            _workflow_database(self._environment.database_url),
        )
        await self._remediation.launch()
        self._stack.push_async_callback(self._remediation.close)
        self._stack.push_async_callback(self._drain, worker)
        self._run("worker", worker.run())
        self._run("pruning", Pruning(database, inbox, rules, utc_now).run())
        self._run("remediation", self._remediation.run())
        intake.start(worker.wake)
        self._stack.push_async_callback(intake.stop)
        http = web.Application()
        said = self._environment.webhook_token
        token = said.get_secret_value() if said else None
        add_webhook_routes(
            http,
            intake,
            token,
            utc_now,
            rules.correlation.partition_by,
            rules.partitions,
            source_secrets(),
            self._config.sources,
        )
        add_heartbeat_routes(http, intake, token, utc_now, rules)
        add_telemetry_routes(http, intake, token, utc_now, rules)
        add_model_routes(http, intake, database, frames, token, utc_now, rules)
        if token is None:
            log.warning("webhooks.closed", reason="TANDEM_WEBHOOK_TOKEN is not set: every webhook is answered with 401")
        api_token = self._environment.api_token
        Api(
            database, inbox, api_token.get_secret_value() if api_token else None, Health(self._slack_health)
        ).add_routes(http)
        await self._start_slack(database, http)
        await self._start_tools(database)
        add_wrong_doors(http)
        await self._serve(http)

    def _watch_models(self, rules: Rules, database: Database, frames: Frames) -> "ModelsWatch | None":
        if not any(model.monitors for model in rules.models.values()):
            return None
        from bot.pipeline.watch_models import ModelsWatch  # brings scikit-learn: 2 s and 100 MB for who needs it

        watch = ModelsWatch(rules, utc_now, database, frames)
        self._stack.push_async_callback(watch.close)
        return watch

    async def _open_database(self) -> tuple[Database, Inbox]:
        url = self._environment.database_url
        database = open_database(url)
        self._stack.enter_context(hold_alone(url))
        self._stack.push_async_callback(database.close)
        await database.migrate()
        async with database.write() as connection:
            await offsets.prepare(connection, self._config.rules().partitions)
            positions = await offsets.positions(connection)
        inbox = open_inbox(database)
        self._stack.push_async_callback(inbox.close)
        await inbox.prepare(max(positions.values()))
        return database, inbox

    async def _start_slack(self, database: Database, http: web.Application) -> None:
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
        channel = SlackChannel(client, self._config.slack.channel)
        self._notifier = Notifier(database, channel, utc_now)
        self._run("notifier", self._notifier.run())
        self._run("charts", ChartUploads(database, channel, utc_now).run())
        await self._start_rewriter(database)
        secret, app_token = self._environment.slack_signing_secret, self._environment.slack_app_token
        watched = {**self._config.logs.watch, **self._config.metrics.watch}
        door = SlackDoor(database, self._config.runbooks, utc_now, self._wake, watched, self._models)
        bolt = make_bolt_app(client, secret.get_secret_value() if secret else None, door)
        if app_token is not None:
            self._run("socket mode", stay_connected(bolt, app_token.get_secret_value()))
        elif secret is not None:
            add_slack_route(http, bolt, client, secret.get_secret_value(), door)
        else:
            log.warning("slack.one_way", reason="set SLACK_SIGNING_SECRET or SLACK_APP_TOKEN, or no button will work")

    async def _start_rewriter(self, database: Database) -> None:
        """Only where a language model is configured."""
        said = self._config.summary.rewrite
        if said is None:
            return
        key = self._environment.llm_api_key
        session = await self._stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
        ask = asking(
            session, said.url, said.model, key.get_secret_value() if key else None, said.timeout.total_seconds()
        )
        names = {name for service, others in self._config.depends_on.items() for name in (service, *others)}
        self._rewriter = Rewriter(database, ask, names, utc_now, 60 / said.per_minute, self._wake)
        self._run("rewriter", self._rewriter.run())

    async def _start_tools(self, database: Database) -> None:
        """Only those that the environment holds an address or a token of."""
        tellers, syncs = status_tools(self._environment), silence_tools(self._environment)
        if not tellers and not syncs:
            return
        session = await self._stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
        for teller in tellers:
            self._run(f"{teller.name} statuses", self._tools.tell(StatusTeller(database, teller, session)))
        for tool in syncs:
            self._run(f"{tool.name} silences", self._tools.sync(SilenceSync(database, tool, session)))

    async def _serve(self, http: web.Application) -> None:
        runner = web.AppRunner(http, access_log=None, handle_signals=False, shutdown_timeout=10, auto_decompress=False)
        self._stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, self._host, self._port, backlog=1024).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        gc.collect()
        gc.freeze()  # what was made until here stays: no collection need look at it again
        gc.set_threshold(*GC_THRESHOLDS)
        log.info("tandem.ready", url=self.url, channel=self._config.slack.channel)

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        self._stack.push_async_callback(_cancel, task)

    def _wake(self) -> None:
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


def _workflow_database(url: str) -> str:
    """DBOS's own database: beside ours on SQLite, which takes one writer at a time; the same one on PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        return f"sqlite:///{path.with_name(f'{path.stem}.workflows.db')}"
    return parsed.set(drivername="postgresql").render_as_string(hide_password=False)
