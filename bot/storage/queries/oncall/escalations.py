"""How far the escalation of each incident has come, and which of them something is to be done about."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.domain.oncall.escalation import Escalating, State
from bot.storage.database import chunks, row_of, table_of, upsert
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.oncall import EscalationRow

_ESCALATION = table_of(EscalationRow)
_INCIDENT = table_of(IncidentRow)


async def unsettled(connection: AsyncConnection, limit: int) -> list[str]:
    """Incidents that have changed since it was decided how they are escalated, those that are not known first."""
    joined = _INCIDENT.outerjoin(_ESCALATION, _ESCALATION.c.incident_id == _INCIDENT.c.id)
    rerouted = _ESCALATION.c.name != func.coalesce(_INCIDENT.c.escalation, "")
    changed = or_(_ESCALATION.c.incident_id.is_(None), _ESCALATION.c.version < _INCIDENT.c.version, rerouted)
    still_open = _INCIDENT.c.status != IncidentStatus.RESOLVED.value
    query = select(_INCIDENT.c.id).select_from(joined).where(still_open, changed).limit(limit)
    found = list((await connection.execute(query)).scalars())
    if len(found) == limit:
        return found
    over = _ESCALATION.join(_INCIDENT, _ESCALATION.c.incident_id == _INCIDENT.c.id)
    ended = and_(_ESCALATION.c.state != State.OVER.value, _INCIDENT.c.status == IncidentStatus.RESOLVED.value)
    rest = select(_INCIDENT.c.id).select_from(over).where(ended).limit(limit - len(found))
    return [*found, *(await connection.execute(rest)).scalars()]


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[str]:
    """The incidents of which a step or a reminder is due, the longest overdue first."""
    query = select(_ESCALATION.c.incident_id).where(_ESCALATION.c.due_at <= now)
    return list((await connection.execute(query.order_by(_ESCALATION.c.due_at).limit(limit))).scalars())


async def next_due_at(connection: AsyncConnection) -> datetime | None:
    query = select(_ESCALATION.c.due_at).where(_ESCALATION.c.due_at.is_not(None))
    return (await connection.execute(query.order_by(_ESCALATION.c.due_at).limit(1))).scalar_one_or_none()


async def with_due_time(connection: AsyncConnection, after: str, limit: int) -> list[Escalating]:
    """Those that wait for a moment, in the order of their incidents' ids."""
    waiting = (_ESCALATION.c.due_at.is_not(None), _ESCALATION.c.incident_id > after)
    rows = await connection.execute(
        select(_ESCALATION).where(*waiting).order_by(_ESCALATION.c.incident_id).limit(limit)
    )
    return [msgspec.convert(dict(row), Escalating) for row in rows.mappings()]


async def of_incidents(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Escalating]:
    """Of each incident; of one that is not known yet, one that has not begun."""
    found = {incident_id: Escalating(incident_id=incident_id) for incident_id in ids}
    for chunk in chunks(ids):
        rows = await connection.execute(select(_ESCALATION).where(_ESCALATION.c.incident_id.in_(chunk)))
        found |= {row["incident_id"]: msgspec.convert(dict(row), Escalating) for row in rows.mappings()}
    return found


async def save(connection: AsyncConnection, escalations: Sequence[Escalating]) -> None:
    await upsert(connection, _ESCALATION, [row_of(one) for one in escalations])


async def hurry(connection: AsyncConnection, incident_id: str, now: datetime) -> None:
    """Its next step is due now."""
    await connection.execute(update(_ESCALATION).where(_ESCALATION.c.incident_id == incident_id).values(due_at=now))


async def reconsider(connection: AsyncConnection) -> None:
    """Decide anew how open incidents are escalated: tandem.yaml may have changed."""
    still_open = select(_INCIDENT.c.id).where(_INCIDENT.c.status != IncidentStatus.RESOLVED.value)
    await connection.execute(update(_ESCALATION).where(_ESCALATION.c.incident_id.in_(still_open)).values(version=0))


async def count_by_state(connection: AsyncConnection) -> dict[State, int]:
    """How many are live, by their state."""
    query = select(_ESCALATION.c.state, func.count()).where(_ESCALATION.c.state != State.OVER.value)
    return {State(state): count for state, count in await connection.execute(query.group_by(_ESCALATION.c.state))}
