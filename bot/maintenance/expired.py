"""Rows past their retention: found, read for the archive, and deleted by key, a few at a time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, not_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertStatus
from bot.domain.incident import IncidentStatus
from bot.domain.run import RunStatus
from bot.storage.database import table_of
from bot.storage.tables.core import (
    AlertRow,
    ChangeRow,
    DeadLetterRow,
    IncidentKeyRow,
    IncidentRow,
    SilenceRow,
    SummaryRewriteRow,
    TimelineRow,
    TraitRow,
)
from bot.storage.tables.deeds import IncidentTicketRow, NotedMessageRow, OwnChannelRow, ReportTextsRow
from bot.storage.tables.investigation import InvestigationRow
from bot.storage.tables.oncall import EscalationCallRow, EscalationRow, IncidentSeenRow
from bot.storage.tables.routing import IncidentChannelRow, IncidentRouteRow
from bot.storage.tables.runs import RunRow, StepRow
from bot.storage.tables.slack import ChannelMessageRow, ChartUploadRow, IncidentTraceRow, SlackMessageRow
from bot.storage.tables.tools import ToolSilenceRow

INCIDENT = table_of(IncidentRow)
_ALERT = table_of(AlertRow)
_RUN = table_of(RunRow)
_STEP = table_of(StepRow)
_SILENCE = table_of(SilenceRow)
_REPORT_TEXTS = table_of(ReportTextsRow)
_TOOL_SILENCE = table_of(ToolSilenceRow)
_TIMELINE = table_of(TimelineRow)
_FORGOTTEN_WITH_INCIDENTS = (
    _ALERT,
    _TIMELINE,
    _RUN,
    table_of(IncidentKeyRow),
    table_of(TraitRow),
    table_of(SummaryRewriteRow),
    table_of(InvestigationRow),
    table_of(ChannelMessageRow),
    table_of(SlackMessageRow),
    table_of(ChartUploadRow),
    table_of(IncidentTraceRow),
    table_of(IncidentRouteRow),
    table_of(IncidentChannelRow),
    table_of(EscalationRow),
    table_of(EscalationCallRow),
    table_of(IncidentSeenRow),
    table_of(NotedMessageRow),
    table_of(OwnChannelRow),
    _REPORT_TEXTS,
    table_of(IncidentTicketRow),
)
_MOST_INCIDENTS = 50
_MOST_ALERTS = 2000
"""So many alerts are deleted in one transaction, or those of one incident."""


Rows = list[Mapping[str, Any]]


class Over(NamedTuple):
    """Incidents of one partition that were resolved on one day: id and version of each, rows in order of number."""

    partition: int
    day: date
    versions: dict[str, int]
    rows: Rows


async def incidents_over(connection: AsyncConnection, before: datetime) -> Over | None:
    """The next incidents that were resolved and last changed before a moment and have no run under way, if any."""
    query = select(INCIDENT).where(*_is_over(before)).order_by(INCIDENT.c.changed_at, INCIDENT.c.number)
    rows = (await connection.execute(query.limit(_MOST_INCIDENTS))).mappings().all()
    if not rows:
        return None
    partition, day = rows[0]["partition"], rows[0]["resolved_at"].date()
    alike: Rows = [dict(row) for row in rows if (row["partition"], row["resolved_at"].date()) == (partition, day)]
    alike = sorted(alike[: await _fit(connection, [row["id"] for row in alike])], key=itemgetter("number"))
    return Over(partition, day, {row["id"]: row["version"] for row in alike}, alike)


def _is_over(before: datetime) -> tuple[ColumnElement[bool], ...]:
    ended = [status.value for status in RunStatus if status.ended]
    under_way = exists().where(_RUN.c.incident_id == INCIDENT.c.id, _RUN.c.status.not_in(ended))
    others = [status.value for status in IncidentStatus if status is not IncidentStatus.RESOLVED]
    resolved = INCIDENT.c.status.not_in(others)  # an equality would lead SQLite through all that are resolved
    return INCIDENT.c.changed_at < before, INCIDENT.c.resolved_at < before, resolved, not_(under_way)


async def _fit(connection: AsyncConnection, ids: Sequence[str]) -> int:
    """How many of the incidents can be deleted at once, for the alerts they have."""
    counts = select(_ALERT.c.incident_id, func.count()).where(_ALERT.c.incident_id.in_(ids))
    rows = (await connection.execute(counts.group_by(_ALERT.c.incident_id))).all()
    alerts = {incident_id: count for incident_id, count in rows}
    total = 0
    for position, incident_id in enumerate(ids):
        total += alerts.get(incident_id, 0)
        if total > _MOST_ALERTS:
            return max(1, position)
    return len(ids)


async def parts_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[Table, Rows]]:
    """What incidents consist of, by the name of its kind in the archive."""
    parts = {"alerts": _ALERT, "timeline": _TIMELINE, "runs": _RUN, "reports": _REPORT_TEXTS}
    found = {
        kind: (table, await _rows(connection, table, table.c.incident_id.in_(ids))) for kind, table in parts.items()
    }
    runs = [row["id"] for row in found["runs"][1]]
    return {**found, "steps": (_STEP, await _rows(connection, _STEP, _STEP.c.run_id.in_(runs)))}


async def _rows(connection: AsyncConnection, table: Table, which: ColumnElement[bool]) -> Rows:
    query = select(table).where(which).order_by(*table.primary_key)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def forget_incidents(connection: AsyncConnection, over: Over, before: datetime) -> set[str]:
    """Delete incidents with all that belongs to them; returns which.

    One that changed since it was read stays. The caller holds the partition's offset, so that no batch of alerts is
    under way to them.
    """
    query = select(INCIDENT.c.id, INCIDENT.c.version).where(INCIDENT.c.id.in_(over.versions), *_is_over(before))
    rows = await connection.execute(query.with_for_update())
    ids = {incident_id for incident_id, version in rows if version == over.versions[incident_id]}
    if not ids:
        return ids
    theirs = select(_RUN.c.id).where(_RUN.c.incident_id.in_(ids))
    await connection.execute(delete(_STEP).where(_STEP.c.run_id.in_(theirs)))
    for table in _FORGOTTEN_WITH_INCIDENTS:
        await connection.execute(delete(table).where(table.c.incident_id.in_(ids)))
    await connection.execute(delete(INCIDENT).where(INCIDENT.c.id.in_(ids)))
    return ids


class Kind(NamedTuple):
    """Rows that are over some time after a moment of theirs and belong to nothing. ``name`` is the archive's."""

    name: str
    table: Table
    moment: str
    over: ColumnElement[bool] | None = None


OF_EVENTS = (
    Kind("changes", table_of(ChangeRow), "at"),
    Kind("dead_letters", table_of(DeadLetterRow), "at"),
    Kind(
        "alerts",
        _ALERT,
        "received_at",
        and_(
            _ALERT.c.incident_id.is_(None),
            _ALERT.c.silence_id.is_(None),
            _ALERT.c.status == AlertStatus.RESOLVED.value,
            not_(_ALERT.c.flapping),
        ),
    ),
)
"""Kept like the events from which they came. Of alerts only those that are in no incident: they were silenced, or over
before anybody saw them."""
OF_INCIDENTS = (
    Kind(
        "silences",
        _SILENCE,
        "ends_at",
        not_(exists().where(_TOOL_SILENCE.c.silence_id == _SILENCE.c.id)),
    ),
)
"""Kept like incidents, and for as long as a tool has them."""


async def rows_over(connection: AsyncConnection, kind: Kind, before: datetime, most: int) -> tuple[date, Rows] | None:
    """The rows of one day that are over; None where there are none."""
    moment = kind.table.c[kind.moment]
    query = select(kind.table).where(*_over(kind, before)).order_by(moment).limit(most)
    rows = (await connection.execute(query)).mappings().all()
    if not rows:
        return None
    day: date = rows[0][kind.moment].date()
    return day, [dict(row) for row in rows if row[kind.moment].date() == day]


def keys_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row[column.name] for column in table.primary_key) for row in rows]


async def forget_rows(
    connection: AsyncConnection, kind: Kind, before: datetime, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Delete rows by key, if they are still over."""
    mine = tuple_(*kind.table.primary_key).in_(keys_of(kind.table, rows))
    await connection.execute(delete(kind.table).where(mine, *_over(kind, before)))


def _over(kind: Kind, before: datetime) -> list[ColumnElement[bool]]:
    return [kind.table.c[kind.moment] < before, *([] if kind.over is None else [kind.over])]
