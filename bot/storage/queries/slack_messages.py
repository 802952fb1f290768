"""What Slack shows of each incident, so that the notifier knows what is left to say."""

from datetime import datetime

import msgspec
from sqlalchemy import and_, case, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import insert_missing, row_of, table_of, upsert
from bot.storage.tables.core import IncidentRow, TimelineRow
from bot.storage.tables.slack import SlackMessageRow, SlackRequestRow

_INCIDENT = table_of(IncidentRow)
_MESSAGE = table_of(SlackMessageRow)
_TIMELINE = table_of(TimelineRow)
_REQUEST = table_of(SlackRequestRow)


class SlackMessage(msgspec.Struct, frozen=True, kw_only=True):
    incident_id: str
    channel: str | None = None
    ts: str | None = None
    shown_version: int = 0
    posting_since: datetime | None = None
    thread_position: int = 0
    thread_posting: int | None = None
    shown_behind: bool = False


async def save(connection: AsyncConnection, message: SlackMessage) -> None:
    await upsert(connection, _MESSAGE, [row_of(message)])


async def of_incident(connection: AsyncConnection, incident_id: str) -> SlackMessage:
    """What is shown of an incident; nothing yet is a message without ``ts``."""
    rows = await connection.execute(select(_MESSAGE).where(_MESSAGE.c.incident_id == incident_id))
    row = rows.mappings().first()
    return msgspec.convert(dict(row), SlackMessage) if row else SlackMessage(incident_id=incident_id)


async def next_to_show(connection: AsyncConnection, caught_up: bool = True) -> str | None:
    """The incident whose message is most out of date: new ones first, then the most severe, then the oldest change.

    A new one that is over already waits for its turn among the others. Where the pipeline has ``caught_up``, what was
    shown while it was behind comes last of all.
    """
    stale = or_(_MESSAGE.c.incident_id.is_(None), _MESSAGE.c.shown_version < _INCIDENT.c.version)
    new = and_(_MESSAGE.c.ts.is_(None), _INCIDENT.c.status != IncidentStatus.RESOLVED.value)
    rank = case({severity.value: severity.rank for severity in Severity}, value=_INCIDENT.c.severity)
    rows = await connection.execute(
        select(_INCIDENT.c.id)
        .outerjoin(_MESSAGE, _MESSAGE.c.incident_id == _INCIDENT.c.id)
        .where(or_(stale, _MESSAGE.c.shown_behind) if caught_up else stale)
        .order_by(
            case((new, 0), (stale, 1), else_=2),
            rank,
            _INCIDENT.c.changed_at,
            _INCIDENT.c.number,
        )
        .limit(1)
    )
    return rows.scalar_one_or_none()


async def next_thread(connection: AsyncConnection) -> str | None:
    """The incident with the oldest timeline entry that its thread does not show yet."""
    rows = await connection.execute(
        select(_MESSAGE.c.incident_id)
        .join(_TIMELINE, _TIMELINE.c.incident_id == _MESSAGE.c.incident_id)
        .where(_MESSAGE.c.ts.is_not(None), _TIMELINE.c.id > _MESSAGE.c.thread_position)
        .order_by(_TIMELINE.c.id)
        .limit(1)
    )
    return rows.scalar_one_or_none()


async def count_out_of_date(connection: AsyncConnection) -> int:
    """How many incidents Slack does not show as they are."""
    stale = (
        select(func.count())
        .select_from(_INCIDENT.outerjoin(_MESSAGE, _MESSAGE.c.incident_id == _INCIDENT.c.id))
        .where(or_(_MESSAGE.c.incident_id.is_(None), _MESSAGE.c.shown_version < _INCIDENT.c.version))
    )
    return await connection.scalar(stale) or 0


async def take_request(connection: AsyncConnection, signature: str, now: datetime, forget_before: datetime) -> bool:
    """Remember a request by its signature; False where it was taken before."""
    await connection.execute(delete(_REQUEST).where(_REQUEST.c.received_at < forget_before))
    row = {"signature": signature, "received_at": now}
    return await insert_missing(connection, _REQUEST, [row]) == 1
