"""What counts of the incidents of some time."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.review.statistics import Life
from bot.domain.run import NOT_APPROVED, RunStatus
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.runs import RunRow

MOST = 20_000
_INCIDENT = table_of(IncidentRow)
_RUN = table_of(RunRow)


async def lives_since(
    connection: AsyncConnection, moment: datetime, domains: Collection[str] | None = None
) -> list[Life]:
    """The latest incidents since a moment, at most :data:`MOST`, without drills and those that became part of another.

    With ``domains``, those of these correlation domains only.
    """
    i = _INCIDENT.c
    runs = select(_RUN.c.id).where(_RUN.c.incident_id == i.id)
    verified = runs.where(_RUN.c.status == RunStatus.SUCCEEDED.value).exists()
    approved = runs.where(_RUN.c.status.not_in(NOT_APPROVED)).exists()
    query = (
        select(i.number, i.services, i.opened_at, i.created_at, i.acknowledged_at, i.acknowledged_by, i.resolved_at)
        .add_columns(i.healthy_seconds, i.reopened_at, i.team, verified.label("verified"), approved.label("approved"))
        .where(i.opened_at >= moment, i.part_of.is_(None), i.drill.is_(False))
        .order_by(i.number.desc())
        .limit(MOST)
    )
    if domains is not None:
        query = query.where(i.domain.in_(sorted(domains)))
    return [
        Life(
            number=row.number,
            services=row.services,
            team=row.team,
            called_at=max(row.created_at or row.opened_at, row.opened_at),
            acknowledged_at=row.acknowledged_at,
            lasted=_lasted(row.opened_at, row.resolved_at, row.healthy_seconds),
            reopened=row.reopened_at is not None or row.healthy_seconds > 0,
            verified=bool(row.verified),
            acted_upon=bool(row.acknowledged_by or row.acknowledged_at or row.approved),
        )
        for row in await connection.execute(query)
    ]


def _lasted(opened_at: datetime, resolved_at: datetime | None, healthy: float) -> timedelta | None:
    return max(resolved_at - opened_at - timedelta(seconds=healthy), timedelta(0)) if resolved_at else None
