"""What is counted for those who watch Tandem itself."""

from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.slack import SlackMessageRow

_INCIDENT = table_of(IncidentRow)
_MESSAGE = table_of(SlackMessageRow)


async def open_by_severity(connection: AsyncConnection) -> dict[Severity, int]:
    """How many incidents of each severity are not resolved; every severity is there."""
    rows = await connection.execute(
        select(_INCIDENT.c.severity, func.count())
        .where(_INCIDENT.c.status.in_([IncidentStatus.TRIGGERED.value, IncidentStatus.ACKNOWLEDGED.value]))
        .group_by(_INCIDENT.c.severity)
    )
    counted = {severity: count for severity, count in rows}
    return {severity: counted.get(severity.value, 0) for severity in Severity}


async def oldest_unshown(connection: AsyncConnection) -> datetime | None:
    """Since when something of an incident is not in Slack: its opening, or its last change where it has a message.

    None where Slack shows every incident as it is.
    """
    since = case(
        (_MESSAGE.c.ts.is_(None), func.coalesce(_INCIDENT.c.created_at, _INCIDENT.c.opened_at)),
        else_=_INCIDENT.c.changed_at,
    )
    oldest = (
        select(func.min(since, type_=_INCIDENT.c.opened_at.type))
        .select_from(_INCIDENT.outerjoin(_MESSAGE, _MESSAGE.c.incident_id == _INCIDENT.c.id))
        .where(or_(_MESSAGE.c.incident_id.is_(None), _MESSAGE.c.shown_version < _INCIDENT.c.version))
    )
    moment: datetime | None = await connection.scalar(oldest)
    return moment
