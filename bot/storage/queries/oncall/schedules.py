"""Who is on call: what was last read of schedules that are kept elsewhere, and who took over for a while."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.oncall.shift import Override, Shift
from bot.storage.database import insert_missing, row_of, table_of, upsert
from bot.storage.tables.oncall import IncidentSeenRow, OnCallOverrideRow, OnCallScheduleRow

_SCHEDULE = table_of(OnCallScheduleRow)
_OVERRIDE = table_of(OnCallOverrideRow)
_SEEN = table_of(IncidentSeenRow)


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What was last read of a schedule. ``people`` gives the Slack ids of each name in ``shifts`` that has any."""

    name: str
    definition: str
    shifts: list[Shift] = []
    people: dict[str, list[str]] = {}
    read_at: datetime | None = None
    tried_at: datetime
    problem: str = ""


async def all_read(connection: AsyncConnection) -> dict[str, Read]:
    rows = await connection.execute(select(_SCHEDULE))
    return {row["name"]: msgspec.convert(dict(row), Read) for row in rows.mappings()}


async def save(connection: AsyncConnection, read: Read) -> None:
    row = row_of(read)
    await upsert(connection, _SCHEDULE, [row | {"shifts": [msgspec.to_builtins(shift) for shift in read.shifts]}])


async def forget(connection: AsyncConnection, known: Collection[str]) -> None:
    """Schedules that tandem.yaml does not name any more."""
    await connection.execute(delete(_SCHEDULE).where(_SCHEDULE.c.name.not_in(sorted(known))))


async def overrides_after(connection: AsyncConnection, now: datetime) -> list[Override]:
    """Those that have not ended yet."""
    rows = await connection.execute(select(_OVERRIDE).where(_OVERRIDE.c.ends > now).order_by(_OVERRIDE.c.id))
    return [msgspec.convert(dict(row), Override) for row in rows.mappings()]


async def add_override(connection: AsyncConnection, override: Override) -> None:
    """Its id is given by the database."""
    await connection.execute(insert(_OVERRIDE), [{k: v for k, v in row_of(override).items() if k != "id"}])


async def note_seen(connection: AsyncConnection, incident_id: str, person: str, now: datetime) -> bool:
    """Whether it is new that somebody looks at an incident."""
    row = {"incident_id": incident_id, "person": person, "at": now}
    return await insert_missing(connection, _SEEN, [row]) == 1


async def seen_by(connection: AsyncConnection, incident_id: str) -> dict[str, datetime]:
    """Who looks at an incident, in the order in which they said so."""
    rows = await connection.execute(select(_SEEN).where(_SEEN.c.incident_id == incident_id).order_by(_SEEN.c.at))
    return {row["person"]: row["at"] for row in rows.mappings()}
