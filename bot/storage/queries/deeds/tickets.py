"""Tickets of incidents: which were asked for, and which there are."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.deeds import IncidentTicketRow

_TICKET = table_of(IncidentTicketRow)
_TRACKER = ""
"""In the place of an incident's id: the row that names the tracker of tandem.yaml."""


class TicketState(StrEnum):
    WANTED = "wanted"
    OPENED = "opened"
    REFUSED = "refused"


class IncidentTicket(msgspec.Struct, frozen=True, kw_only=True):
    """See ``IncidentTicketRow``."""

    incident_id: str
    state: TicketState = TicketState.WANTED
    tracker: str = ""
    key: str = ""
    url: str = ""
    asked_by: str
    asked_at: datetime
    next_at: datetime
    attempts: int = 0
    reason: str = ""

    @property
    def mark(self) -> str:
        """By which it is found in the tracker."""
        return f"tandem-{self.incident_id}"


async def describe(connection: AsyncConnection, tracker: str) -> None:
    """Which tracker tandem.yaml names; empty where it names none. Who shows incidents offers tickets by that."""
    await connection.execute(delete(_TICKET).where(_TICKET.c.incident_id == _TRACKER))
    if tracker:
        never = datetime(2000, 1, 1, tzinfo=UTC)
        row = IncidentTicket(
            incident_id=_TRACKER,
            state=TicketState.OPENED,
            tracker=tracker,
            asked_by="",
            asked_at=never,
            next_at=never,
        )
        await save(connection, row)


async def of_incident(connection: AsyncConnection, incident_id: str) -> tuple[IncidentTicket | None, str]:
    """Its ticket, if it asked for one; and the tracker, if there is one."""
    found = await of_incidents(connection, [incident_id, _TRACKER])
    return found.get(incident_id), found[_TRACKER].tracker if _TRACKER in found else ""


async def of_incidents(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, IncidentTicket]:
    rows = await connection.execute(select(_TICKET).where(_TICKET.c.incident_id.in_(sorted(set(ids)))))
    return {row["incident_id"]: msgspec.convert(dict(row), IncidentTicket) for row in rows.mappings()}


async def save(connection: AsyncConnection, ticket: IncidentTicket) -> None:
    await upsert(connection, _TICKET, [row_of(ticket)])


async def keep(connection: AsyncConnection, ticket: IncidentTicket, **changed: object) -> bool:
    """Change some of it; False where it is not wanted any more as it was asked for then."""
    same = (
        _TICKET.c.incident_id == ticket.incident_id,
        _TICKET.c.asked_at == ticket.asked_at,
        _TICKET.c.state == TicketState.WANTED.value,
    )
    return (await connection.execute(update(_TICKET).where(*same).values(**changed))).rowcount == 1


async def wanted(connection: AsyncConnection, limit: int) -> list[IncidentTicket]:
    """Those that are not open yet, the next first."""
    query = select(_TICKET).where(_TICKET.c.state == TicketState.WANTED.value).order_by(_TICKET.c.next_at).limit(limit)
    return [msgspec.convert(dict(row), IncidentTicket) for row in (await connection.execute(query)).mappings()]
