"""Health, readiness and metrics for machines."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bot.domain.severity import Severity
from bot.errors import StorageUnavailable
from bot.inbox import offsets
from bot.inbox.backlog import Waiting, look
from bot.inbox.inbox import Inbox
from bot.inbox.sql import SqlInbox
from bot.observability.metrics import (
    INBOX_LAG,
    INBOX_OLDEST,
    INCIDENTS_OPEN,
    PARTITION_OLDEST,
    SLACK_UNSHOWN_SINCE,
    SLACK_UP,
)
from bot.storage.database import Database
from bot.storage.probe import StorageProbe
from bot.storage.queries import counts as figures

READY_SECONDS = 5.0
_PUBLIC_STATES = ("ok", "off", "connecting")
_UNKNOWN = float("nan")


@dataclass(frozen=True)
class Health:
    """``slack`` says how Slack is doing: ``ok``, ``off``, or what is wrong, and whether that makes us unready.

    ``socket_mode`` says the same of the connection over which clicks come. ``replica`` says which replica this is,
    and what it holds. ``workflows`` says whether approved runs can begin, where this process carries any out.
    """

    slack: Callable[[], tuple[str, bool]]
    replica: Callable[[], Mapping[str, Any]] = dict
    socket_mode: Callable[[], tuple[str, bool]] = lambda: ("off", True)
    workflows: Callable[[], Awaitable[str]] | None = None


def utc_now() -> datetime:
    return datetime.now(UTC)


class HealthEndpoints:
    """``token`` shows details to whoever has it."""

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        token: str | None,
        health: Health,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._token = token.encode() if token else None
        self._health = health
        self._clock = clock
        self._probe = StorageProbe(_written(database, inbox))

    def add_routes(self, app: web.Application) -> None:
        """What is asked of a process that has no endpoints, too."""
        app.router.add_get("/healthz", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return _json({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        """503 where storage is down, no approved run can begin, or Slack or Socket Mode was never reached or refuses
        us; a short outage of these is not.

        How far the pipeline is behind is said, and never a 503: a restart, or no more requests, would not help it.
        """
        slack, shows = self._health.slack()
        socket_mode, listens = self._health.socket_mode()
        ready = shows and listens
        if not self._shows_token(request):
            slack, socket_mode = _without_details(slack), _without_details(socket_mode)
        state: dict[str, Any] = {}
        try:
            async with asyncio.timeout(READY_SECONDS):
                async with self._database.read() as connection:
                    state["set_aside"] = await offsets.count_set_aside(connection)
                state |= self._behind(await look(self._database, self._inbox))
                await self._probe.check()
                if full := (await self._inbox.room()).full:
                    raise StorageUnavailable(full)
        except (StorageUnavailable, TimeoutError) as error:
            why = str(error) or f"the database has not answered within {READY_SECONDS:g} s"
            storage = why if self._shows_token(request) else _without_details(why)
            return _json({"status": "unavailable", "storage": storage, "slack": slack, **state}, 503)
        state = {"storage": "ok", "slack": slack, **state, **self._health.replica()}
        if socket_mode != "off":
            state["socket_mode"] = socket_mode
        if self._health.workflows is not None:
            workflows = await self._health.workflows()
            ready &= workflows == "ok"
            state["workflows"] = workflows if self._shows_token(request) else _without_details(workflows)
        return _json({"status": "ok" if ready else "unavailable", **state}, 200 if ready else 503)

    def _shows_token(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode(errors="replace")
        return self._token is not None and hmac.compare_digest(given, b"Bearer " + self._token)

    def _behind(self, waiting: Waiting) -> dict[str, Any]:
        return {"inbox_lag": waiting.entries, "oldest_waiting_seconds": self._seconds_since(waiting.oldest)}

    def _seconds_since(self, moment: datetime | None) -> float:
        return max((self._clock() - moment).total_seconds(), 0.0) if moment else 0.0

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        """What is counted in the database is NaN while that does not answer: nobody knows then."""
        slack, _ = self._health.slack()
        try:
            await self._count(slack_is_on=slack != "off")
        except StorageUnavailable:
            for gauge in (
                INBOX_LAG,
                INBOX_OLDEST,
                SLACK_UNSHOWN_SINCE,
                *(INCIDENTS_OPEN.labels(level.value) for level in Severity),
            ):
                gauge.set(_UNKNOWN)
        SLACK_UP.set(_UNKNOWN if slack == "off" else slack == "ok")
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _count(self, slack_is_on: bool) -> None:
        """Set the gauges of what is counted in the database. Raises StorageUnavailable."""
        waiting = await look(self._database, self._inbox)
        INBOX_LAG.set(waiting.entries)
        INBOX_OLDEST.set(self._seconds_since(waiting.oldest))
        PARTITION_OLDEST.clear()
        for partition, oldest in waiting.since.items():
            PARTITION_OLDEST.labels(str(partition)).set(self._seconds_since(oldest))
        async with self._database.read() as connection:
            counts = await figures.open_by_severity(connection)
            since = await figures.oldest_unshown(connection) if slack_is_on else None
        for severity, count in counts.items():
            INCIDENTS_OPEN.labels(severity.value).set(count)
        SLACK_UNSHOWN_SINCE.set(since.timestamp() if since else _UNKNOWN)


def _written(database: Database, inbox: Inbox) -> list[Database]:
    """The databases that are written: the inbox may have one of its own."""
    return [database, inbox.database] if isinstance(inbox, SqlInbox) and database.is_sqlite else [database]


def _without_details(text: str) -> str:
    """For those who show no token: an error may name addresses, paths and people."""
    return text if text in _PUBLIC_STATES else "unavailable"


def _json(body: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
