"""Channels of incidents' own: which were asked for, which there are, what they show, and which are over."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.deeds import OwnChannelRow

_OWN = table_of(OwnChannelRow)
_INCIDENT = table_of(IncidentRow)


class OwnState(StrEnum):
    """``refused`` is one that Slack did not make."""

    WANTED = "wanted"
    MADE = "made"
    ARCHIVED = "archived"
    REFUSED = "refused"


class OwnChannel(msgspec.Struct, frozen=True, kw_only=True):
    """See ``OwnChannelRow``."""

    incident_id: str
    name: str
    state: OwnState = OwnState.WANTED
    channel: str = ""
    asked_by: str
    asked_at: datetime
    changed_at: datetime
    invited: list[str] = []
    ts: str = ""
    shown_version: int = 0
    posting_since: datetime | None = None
    reason: str = ""

    @property
    def live(self) -> bool:
        return self.state in (OwnState.WANTED, OwnState.MADE)


async def of_incident(connection: AsyncConnection, incident_id: str) -> OwnChannel | None:
    row = (await connection.execute(select(_OWN).where(_OWN.c.incident_id == incident_id))).mappings().first()
    return msgspec.convert(dict(row), OwnChannel) if row else None


async def of_incidents(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, OwnChannel]:
    rows = await connection.execute(select(_OWN).where(_OWN.c.incident_id.in_(sorted(set(ids)))))
    return {row["incident_id"]: msgspec.convert(dict(row), OwnChannel) for row in rows.mappings()}


async def save(connection: AsyncConnection, own: OwnChannel) -> None:
    await upsert(connection, _OWN, [row_of(own)])


async def keep(connection: AsyncConnection, own: OwnChannel, **changed: object) -> None:
    """Change some of it, if it is still the one that was asked for then."""
    same = (_OWN.c.incident_id == own.incident_id, _OWN.c.asked_at == own.asked_at)
    await connection.execute(update(_OWN).where(*same).values(**changed))


async def live(connection: AsyncConnection, limit: int) -> list[OwnChannel]:
    """Those that have to be made or kept true, the one asked for first coming first."""
    states = [OwnState.WANTED.value, OwnState.MADE.value]
    query = select(_OWN).where(_OWN.c.state.in_(states)).order_by(_OWN.c.asked_at, _OWN.c.incident_id).limit(limit)
    return [msgspec.convert(dict(row), OwnChannel) for row in (await connection.execute(query)).mappings()]


async def incident_in(connection: AsyncConnection, channel: str) -> str | None:
    """The incident whose own a channel is."""
    return await connection.scalar(select(_OWN.c.incident_id).where(_OWN.c.channel == channel).limit(1))
