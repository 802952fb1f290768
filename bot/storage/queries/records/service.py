"""What is known of one service: the alerts that began on it, and how soon changes of before showed."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.cause import CauseKind
from bot.domain.event import AlertStatus
from bot.domain.severity import Severity
from bot.storage.database import table_of
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.queries import alerts
from bot.storage.tables.core import AlertRow, ChangeRow, IncidentRow, LearntEdgeRow

_ALERT, _CHANGE = table_of(AlertRow), table_of(ChangeRow)
_INCIDENT, _EDGE = table_of(IncidentRow), table_of(LearntEdgeRow)
_MOST = 500
_TROUBLE = [level.value for level in Severity if level is not Severity.INFO]
_SILENT = select(_ALERT.c.name).where(
    *alerts.OWN_FIRING, _ALERT.c.name.in_(("HeartbeatMissed", "MetricsMissing", "LogsMissing"))
)
_SILENT_WITHIN = _SILENT.where(_ALERT.c.domain.in_(any_of("domains")))
Domains = Collection[str] | None


class Began(NamedTuple):
    """An alert that began at a moment, and whether it fires now."""

    name: str
    firing: bool
    at: datetime


async def began(
    connection: AsyncConnection, service: str, since: datetime, until: datetime, domains: Domains
) -> list[Began]:
    """The alerts of a service that began in a span."""
    of_service = (_ALERT.c.service == service, _ALERT.c.severity.in_(_TROUBLE), *_within(_ALERT.c.domain, domains))
    span = (_ALERT.c.starts_at >= since, _ALERT.c.starts_at < until)
    rows = await connection.execute(
        select(_ALERT.c.name, _ALERT.c.current, _ALERT.c.status, _ALERT.c.starts_at)
        .where(*of_service, *span)
        .order_by(_ALERT.c.starts_at)
        .limit(_MOST)
    )
    firing = AlertStatus.FIRING.value
    return [Began(name, current and status == firing, at) for name, current, status, at in rows]


async def watched_since(connection: AsyncConnection) -> datetime | None:
    """Since when alerts were received."""
    earliest: datetime | None = await connection.scalar(
        select(func.min(_ALERT.c.received_at, type_=_ALERT.c.received_at.type))
    )
    return earliest


async def is_known(connection: AsyncConnection, service: str, domains: Domains) -> bool:
    """Whether anything was ever received about a service."""
    queries = (
        select(_ALERT.c.identity).where(_ALERT.c.service == service, *_within(_ALERT.c.domain, domains)),
        select(_CHANGE.c.id).where(_CHANGE.c.service == service, *_within(_CHANGE.c.domain, domains)),
        select(_EDGE.c.service).where(
            or_(_EDGE.c.service == service, _EDGE.c.depends_on == service), *_within(_EDGE.c.domain, domains)
        ),
    )
    for query in queries:
        if (await connection.execute(query.limit(1))).first() is not None:
            return True
    return False


async def silent_senders(connection: AsyncConnection, domains: Domains) -> list[str]:
    """The alerts that fire now because a sender is no longer heard."""
    query = _SILENT if domains is None else _SILENT_WITHIN
    rows = await fetch_rows(connection, query, {} if domains is None else {"domains": sorted(domains)})
    return sorted({name for (name,) in rows})


async def delays_of_changes(connection: AsyncConnection, since: datetime, domains: Domains) -> list[timedelta]:
    """How long after a change the incidents began whose likely cause it was."""
    rows = await connection.execute(
        select(_INCIDENT.c.domain, _INCIDENT.c.causes, _INCIDENT.c.opened_at)
        .where(_INCIDENT.c.opened_at >= since, *_within(_INCIDENT.c.domain, domains))
        .order_by(_INCIDENT.c.number.desc())
        .limit(_MOST)
    )
    found = []
    for domain, causes, opened_at in rows:
        if causes and causes[0]["kind"] == CauseKind.CHANGE.value:
            at = await connection.scalar(
                select(func.max(_CHANGE.c.at, type_=_CHANGE.c.at.type)).where(
                    _CHANGE.c.domain == domain, _CHANGE.c.service == causes[0]["service"], _CHANGE.c.at <= opened_at
                )
            )
            found += [opened_at - at] if at else []
    return found


def _within(column: ColumnElement[str], domains: Domains) -> list[ColumnElement[bool]]:
    return [] if domains is None else [column.in_(sorted(domains))]
