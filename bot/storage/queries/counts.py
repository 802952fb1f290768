"""Counts for Tandem's own metrics, and for ``tandem doctor``."""

from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, Table, case, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import table_of
from bot.storage.tables.core import AlertRow, IncidentRow
from bot.storage.tables.slack import ChannelMessageRow, SlackMessageRow

_ALERT = table_of(AlertRow)
_INCIDENT = table_of(IncidentRow)
_MESSAGE = table_of(ChannelMessageRow)
_BEFORE = table_of(SlackMessageRow)


async def open_by_severity(connection: AsyncConnection) -> dict[Severity, int]:
    """How many incidents of each severity are not resolved; every severity is there."""
    rows = await connection.execute(
        select(_INCIDENT.c.severity, func.count())
        .where(_INCIDENT.c.status.in_([IncidentStatus.TRIGGERED.value, IncidentStatus.ACKNOWLEDGED.value]))
        .where(_INCIDENT.c.drill.is_(False))
        .group_by(_INCIDENT.c.severity)
    )
    counted = {severity: count for severity, count in rows}
    return {severity: counted.get(severity.value, 0) for severity in Severity}


async def open_in(connection: AsyncConnection, domain: str) -> int:
    """How many incidents of a correlation domain are not resolved."""
    not_resolved = _INCIDENT.c.status.in_([IncidentStatus.TRIGGERED.value, IncidentStatus.ACKNOWLEDGED.value])
    query = select(func.count()).select_from(_INCIDENT).where(_INCIDENT.c.domain == domain, not_resolved)
    return await connection.scalar(query) or 0


async def oldest_unshown(connection: AsyncConnection) -> datetime | None:
    """Since when something of an incident is in no channel: its opening, or its last change where it has a message.

    None where every incident is shown as it is.
    """
    posted, current = [], []
    for table in (_MESSAGE, _BEFORE):  # while the release before leads, it writes the second only
        posted.append(_shown_in(table))
        current.append(_shown_in(table, table.c.shown_version >= _INCIDENT.c.version))
    began = func.coalesce(_INCIDENT.c.created_at, _INCIDENT.c.opened_at)
    since = case((or_(*posted), _INCIDENT.c.changed_at), else_=began)
    oldest = select(func.min(since, type_=_INCIDENT.c.opened_at.type)).where(not_(or_(*current)))
    moment: datetime | None = await connection.scalar(oldest)
    return moment


def _shown_in(table: Table, *how: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(table.c.incident_id == _INCIDENT.c.id, table.c.ts.is_not(None), *how)


async def severity_words(connection: AsyncConnection, since: datetime, most: int) -> Counter[str]:
    """The words for severity in alerts that count as warnings, as unknown ones do; of ``most`` alerts at most."""
    warnings = _ALERT.c.severity == Severity.WARNING.value
    query = select(_ALERT.c.labels).where(warnings, _ALERT.c.received_at >= since).limit(most)
    words: Counter[str] = Counter()
    async for labels in await connection.stream_scalars(query):
        words[labels.get("severity") or ""] += 1
    del words[""]
    return words


async def sources_since(connection: AsyncConnection, since: datetime) -> set[str]:
    """The sources of the alerts that were received since a moment."""
    return set(await connection.scalars(select(_ALERT.c.source).where(_ALERT.c.received_at >= since).distinct()))
