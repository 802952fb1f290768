"""Runs that fit what somebody looks for, a page at a time."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.run import Run
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.runs import RunRow

_RUN = table_of(RunRow)
_INCIDENT = table_of(IncidentRow)


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
