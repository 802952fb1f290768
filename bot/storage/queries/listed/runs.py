"""Runs that fit what somebody looks for, a page at a time."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.run import NOT_APPROVED, Run, RunStatus
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.runs import RunRow

_RUN = table_of(RunRow)
_INCIDENT = table_of(IncidentRow)
_UNDER_WAY = [status.value for status in RunStatus if not status.ended]
_GOING_ON = select(_RUN.c.id).where(_RUN.c.incident_id == _INCIDENT.c.id, _RUN.c.status.in_(_UNDER_WAY))
_DRILLS_OVER = select(_INCIDENT.c.id).where(
    _INCIDENT.c.drill.is_(True), _INCIDENT.c.status != IncidentStatus.RESOLVED.value, ~_GOING_ON.exists()
)


class RunFilter(NamedTuple):
    """All that is given must hold; ``domains``, those of the incidents, is None where any will do."""

    status: str | None = None
    runbook: str | None = None
    incident_id: str | None = None
    domains: Collection[str] | None = None


async def listed(connection: AsyncConnection, wanted: RunFilter, before: Run | None, limit: int) -> list[Run]:
    """The newest first, behind the last run of the page before."""
    query = select(_RUN).order_by(_RUN.c.created_at.desc(), _RUN.c.id.desc()).limit(limit)
    if wanted.status is not None:
        query = query.where(_RUN.c.status == wanted.status)
    if wanted.runbook is not None:
        query = query.where(_RUN.c.runbook == wanted.runbook)
    if wanted.incident_id is not None:
        query = query.where(_RUN.c.incident_id == wanted.incident_id)
    if wanted.domains is not None:
        theirs = select(_INCIDENT.c.id).where(_INCIDENT.c.domain.in_(sorted(wanted.domains)))
        query = query.where(_RUN.c.incident_id.in_(theirs))
    if before is not None:
        same = and_(_RUN.c.created_at == before.created_at, _RUN.c.id < before.id)
        query = query.where(or_(_RUN.c.created_at < before.created_at, same))
    return [msgspec.convert(dict(row), Run) for row in (await connection.execute(query)).mappings()]


class Approved(NamedTuple):
    """A run that was approved, and the number of its incident."""

    run: Run
    number: int


async def approved_since(
    connection: AsyncConnection, moment: datetime, domains: Collection[str] | None, limit: int
) -> list[Approved]:
    """Of those proposed since a moment for incidents of these domains, or of all, the newest first; without drills."""
    query = (
        select(_RUN, _INCIDENT.c.number.label("of_number"))
        .join(_INCIDENT, _INCIDENT.c.id == _RUN.c.incident_id)
        .where(_RUN.c.status.not_in(NOT_APPROVED), _RUN.c.drill.is_(False), _RUN.c.created_at >= moment)
        .order_by(_RUN.c.created_at.desc(), _RUN.c.id.desc())
        .limit(limit)
    )
    if domains is not None:
        query = query.where(_INCIDENT.c.domain.in_(sorted(domains)))
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    return [Approved(number=row.pop("of_number"), run=msgspec.convert(row, Run)) for row in rows]


async def incident_of_last(connection: AsyncConnection, runbook: str) -> Incident | None:
    """The incident in which a runbook was last offered."""
    query = (
        select(_INCIDENT)
        .join(_RUN, _RUN.c.incident_id == _INCIDENT.c.id)
        .where(_RUN.c.runbook == runbook, _RUN.c.drill.is_(False))
        .order_by(_RUN.c.created_at.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().first()
    return msgspec.convert(dict(row), Incident) if row else None


async def drills_that_are_over(connection: AsyncConnection) -> list[str]:
    """The ids of open drills no run of which goes on."""
    return list(await connection.scalars(_DRILLS_OVER))
