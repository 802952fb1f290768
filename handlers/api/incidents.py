"""The read-only JSON API; health, readiness and metrics for machines."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import Incident, TimelineEntry
from bot.domain.run import PreviousRun, Run, StepRecord
from bot.domain.severity import Severity
from bot.errors import StorageUnavailable
from bot.inbox import offsets
from bot.inbox.backlog import Waiting, look
from bot.inbox.inbox import Inbox
from bot.observability.metrics import (
    INBOX_LAG,
    INBOX_OLDEST,
    INCIDENTS_OPEN,
    PARTITION_OLDEST,
    SLACK_UNSHOWN_SINCE,
    SLACK_UP,
)
from bot.storage.database import Database
from bot.storage.queries import alerts, incidents, runs
from bot.storage.queries import counts as figures
from handlers.api.query import problem_of_query
from handlers.http.problem import problem

MAX_LIMIT = 500
DEFAULT_LIMIT = 50
_MAX_ALERTS = _MAX_ENTRIES = 100_000
_PAGE = 200
_UNKNOWN = float("nan")
_STATUSES = ("triggered", "acknowledged", "resolved", "open")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Health:
    """``slack`` says how Slack is doing: ``ok``, ``off``, or what is wrong, and whether that makes us unready.

    ``socket_mode`` says the same of the connection over which clicks come. ``replica`` says which replica this is,
    and what it holds.
    """

    slack: Callable[[], tuple[str, bool]]
    replica: Callable[[], Mapping[str, Any]] = dict
    socket_mode: Callable[[], tuple[str, bool]] = lambda: ("off", True)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Api:
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

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/api/incidents", self._guarded(self._list, ("status", "limit", "cursor")))
        app.router.add_get("/api/incidents/{id}", self._guarded(self._show))
        self.add_health_routes(app)

    def add_health_routes(self, app: web.Application) -> None:
        """What is asked of a process that has no endpoints, too."""
        app.router.add_get("/healthz", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)

    def _guarded(self, handler: Handler, parameters: Sequence[str] = ()) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if self._token is None:
                return problem(401, "No token is set: start Tandem with TANDEM_API_TOKEN or TANDEM_WEBHOOK_TOKEN.")
            given = request.headers.get("Authorization", "").encode(errors="replace")
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                return problem(401, "Send the header Authorization: Bearer <token>.", {"WWW-Authenticate": "Bearer"})
            if wrong := problem_of_query(request, parameters):
                return problem(400, wrong)
            try:
                return await handler(request)
            except StorageUnavailable:
                return problem(503, "The database is not available: try again.")

        return guarded

    async def _list(self, request: web.Request) -> web.StreamResponse:
        status = request.query.get("status")
        if status is not None and status not in _STATUSES:
            return problem(400, f"status: one of {', '.join(_STATUSES)} is expected, not {status[:40]!r}.")
        limit = _number(request.query.get("limit"), DEFAULT_LIMIT)
        cursor = _number(request.query.get("cursor"), None)
        if limit is _BAD or not 1 <= limit <= MAX_LIMIT:
            return problem(400, f"limit: a number from 1 to {MAX_LIMIT} is expected.")
        if cursor is _BAD:
            return problem(400, "cursor: the value of `next` of the page before is expected.")
        async with self._database.read() as connection:
            page = await incidents.list_incidents(connection, status=status, below=cursor, limit=limit + 1)
            shown = page[:limit]
            described = await _describe(connection, shown)
        following = str(shown[-1].number) if len(page) > limit else None
        return _json({"incidents": described, "next": following})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        async with self._database.read() as connection:
            given = request.match_info["id"]
            incident = await incidents.by_id(connection, given) if given.isalnum() else None
            if incident is None:
                return problem(404, "There is no incident of that id.")
            described = (await _describe(connection, [incident]))[0]
            timeline = await _timeline(connection, incident.id)
        return _json({**described, "timeline": timeline})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return _json({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        """503 where storage is down, or Slack or Socket Mode was never reached or refuses us; a short outage is not.

        How far the pipeline is behind is said, and never a 503: a restart, or no more requests, would not help it.
        """
        slack, shows = self._health.slack()
        socket_mode, listens = self._health.socket_mode()
        ready = shows and listens
        try:
            async with self._database.read() as connection:
                set_aside = await offsets.count_set_aside(connection)
            waiting = await look(self._database, self._inbox)
            room = await self._inbox.room()
            if room.full:
                raise StorageUnavailable(room.full)
        except StorageUnavailable as error:
            return _json({"status": "unavailable", "storage": str(error), "slack": slack}, 503)
        said = {"storage": "ok", "slack": slack, "set_aside": set_aside, **self._behind(waiting)}
        said |= self._health.replica()
        if socket_mode != "off":
            said["socket_mode"] = socket_mode
        return _json({"status": "ok" if ready else "unavailable", **said}, 200 if ready else 503)

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


class _Bad(int):
    """What a query parameter is that is no number."""


_BAD = _Bad(-1)


def _number(text: str | None, default: Any) -> Any:
    if text is None:
        return default
    return int(text) if text.isdecimal() and len(text) <= 15 else _BAD


def _json(body: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


async def _describe(connection: AsyncConnection, found: Sequence[Incident]) -> list[dict[str, Any]]:
    ids = [incident.id for incident in found]
    alerts_of = await _alerts_of(connection, ids)
    runs_of = await runs.of_incidents(connection, ids)
    steps = await runs.steps_of(connection, [run.id for known in runs_of.values() for run in known])
    return [
        {
            "id": incident.id,
            "number": incident.number,
            "title": incident.title,
            "status": incident.status,
            "severity": incident.severity,
            "summary": incident.summary,
            "services": incident.services,
            "opened_at": _moment(incident.opened_at),
            "resolved_at": _moment(incident.resolved_at),
            "acknowledged_by": incident.acknowledged_by,
            "resolved_by": incident.resolved_by,
            "truncated": incident.truncated,
            "alerts": alerts_of[incident.id],
            "causes": incident.causes,
            "past": incident.past,
            "runs": [_run(run, [step for step in steps if step.run_id == run.id]) for run in runs_of[incident.id]],
        }
        for incident in found
    ]


async def _alerts_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, msgspec.Raw]:
    """The alerts of incidents as JSON, made a page at a time: other requests have their turn in between."""
    encoded: dict[str, list[bytes]] = {incident_id: [] for incident_id in ids}
    async for page in alerts.in_pages(connection, ids, _MAX_ALERTS):
        for alert in page:
            encoded[alert.incident_id or ""].append(msgspec.json.encode(_alert(alert)))
        await asyncio.sleep(0)
    return {incident_id: _listed(parts) for incident_id, parts in encoded.items()}


async def _timeline(connection: AsyncConnection, incident_id: str) -> msgspec.Raw:
    """Likewise, an incident's timeline."""
    encoded: list[bytes] = []
    after = 0
    while page := await incidents.timeline_of(connection, incident_id, after=after, limit=_PAGE):
        encoded += [msgspec.json.encode(_entry(entry)) for _, entry in page]
        after = page[-1][0]
        if len(encoded) >= _MAX_ENTRIES:
            break
        await asyncio.sleep(0)
    return _listed(encoded)


def _listed(parts: Sequence[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "status": alert.status,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "starts_at": _moment(alert.starts_at),
        "ends_at": _moment(alert.ends_at),
        "source": alert.source,
        "severity": alert.severity,
        "service": alert.service,
        "flapping": alert.flapping,
        "repeats": alert.repeats,
        "link": alert.link,
    }


def _run(run: Run, steps: Sequence[StepRecord]) -> dict[str, Any]:
    return {
        "id": run.id,
        "runbook": run.runbook,
        "status": run.status,
        "title": run.plan.title,
        "plan_hash": run.plan_hash,
        "plan": [step.text for step in run.plan.steps],
        "rollback": [step.text for step in run.plan.rollback],
        "approvers": run.approvers,
        "required": run.required,
        "decisions": run.decisions,
        "created_at": _moment(run.created_at),
        "expires_at": _moment(run.expires_at),
        "ended_at": _moment(run.ended_at),
        "outcome": run.outcome,
        "targets": run.plan.targets,
        "watched": [one.what for one in run.watched],
        "previous": _previous(run.previous) if run.previous else None,
        "gate": {"at": _moment(run.gate.at), "passes": run.gate.passes, "said": run.gate.said} if run.gate else None,
        "steps": [{"phase": s.phase, "position": s.position, "status": s.status, "output": s.output} for s in steps],
    }


def _previous(previous: PreviousRun) -> dict[str, Any]:
    return {
        "at": _moment(previous.at),
        "status": previous.status,
        "relapsed_after_seconds": previous.relapsed_after,
    }


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    return {"at": _moment(entry.at), "kind": entry.kind, "text": entry.text, "actor": entry.actor}
