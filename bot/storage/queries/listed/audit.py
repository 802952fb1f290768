"""Rows of the audit log that fit what somebody looks for, a page at a time."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import RowMapping, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.tables.core import AuditRow, IncidentRow

_AUDIT = table_of(AuditRow)
_INCIDENT = table_of(IncidentRow)


class AuditFilter(NamedTuple):
    """All that is given must hold. With ``domains``, only what is about incidents of these."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    domains: Collection[str] | None = None


async def listed(
    connection: AsyncConnection, wanted: AuditFilter, below: int | None, limit: int
) -> Sequence[RowMapping]:
    """The newest first; ``below`` is the number after which the page begins."""
    query = select(_AUDIT).order_by(_AUDIT.c.seq.desc()).limit(limit)
    if below is not None:
        query = query.where(_AUDIT.c.seq < below)
    for column, value in ((_AUDIT.c.actor, wanted.actor), (_AUDIT.c.action, wanted.action)):
        if value is not None:
            query = query.where(column == value)
    if wanted.subject is not None:
        query = query.where(_AUDIT.c.subject == wanted.subject)
    if wanted.since is not None:
        query = query.where(_AUDIT.c.at >= wanted.since.astimezone(UTC).isoformat())
    if wanted.domains is not None:
        theirs = select(literal("incident ") + _INCIDENT.c.id)
        query = query.where(_AUDIT.c.subject.in_(theirs.where(_INCIDENT.c.domain.in_(sorted(wanted.domains)))))
    return (await connection.execute(query)).mappings().all()
