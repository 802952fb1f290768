"""What a language model made of summaries, one for each incident."""

import msgspec
from sqlalchemy import case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.core import IncidentRow, SummaryRewriteRow

_INCIDENT = table_of(IncidentRow)
_REWRITE = table_of(SummaryRewriteRow)


class Rewrite(msgspec.Struct, frozen=True, kw_only=True):
    """``facts`` is the digest of what was told, at the incident's ``version``; ``text`` is empty where nothing came."""

    incident_id: str
    version: int
    facts: str
    text: str


async def of_incident(connection: AsyncConnection, incident_id: str) -> Rewrite | None:
    rows = await connection.execute(select(_REWRITE).where(_REWRITE.c.incident_id == incident_id))
    row = rows.mappings().first()
    return msgspec.convert(dict(row), Rewrite) if row else None


async def save(connection: AsyncConnection, rewrite: Rewrite) -> None:
    await upsert(connection, _REWRITE, [row_of(rewrite)])


async def next_to_look_at(connection: AsyncConnection) -> str | None:
    """The open incident that changed since its summary was looked at: new ones first, then the most severe."""
    rank = case({severity.value: severity.rank for severity in Severity}, value=_INCIDENT.c.severity)
    rows = await connection.execute(
        select(_INCIDENT.c.id)
        .outerjoin(_REWRITE, _REWRITE.c.incident_id == _INCIDENT.c.id)
        .where(
            _INCIDENT.c.status != IncidentStatus.RESOLVED.value,
            or_(_REWRITE.c.incident_id.is_(None), _REWRITE.c.version < _INCIDENT.c.version),
        )
        .order_by(_REWRITE.c.incident_id.is_not(None), rank, _INCIDENT.c.changed_at, _INCIDENT.c.number)
        .limit(1)
    )
    return rows.scalar_one_or_none()
