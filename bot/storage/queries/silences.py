"""Silences: those in force, added and ended."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.silence import Silence
from bot.storage.database import chunks, insert_missing, row_of, table_of, upsert
from bot.storage.prepared import fetch_dicts
from bot.storage.tables.core import SilenceRow

MOST_MADE = 500
_SILENCE = table_of(SilenceRow)
_NOT_ENDED = select(_SILENCE).where(_SILENCE.c.ends_at > bindparam("now")).order_by(_SILENCE.c.ends_at)


async def add(connection: AsyncConnection, silence: Silence) -> None:
    await connection.execute(insert(_SILENCE), [row_of(silence)])


async def add_missing(connection: AsyncConnection, found: Sequence[Silence]) -> None:
    """Add those whose id is not known; one that a person has ended stays ended."""
    await insert_missing(connection, _SILENCE, [row_of(silence) for silence in found])


async def not_ended(connection: AsyncConnection, now: datetime) -> list[Silence]:
    """The silences that are in force or will be, the first to end first."""
    return [msgspec.convert(row, Silence) for row in await fetch_dicts(connection, _NOT_ENDED, {"now": now})]


async def made_since(connection: AsyncConnection, moment: datetime) -> list[Silence]:
    """The latest silences that began since a moment, ended or not; at most :data:`MOST_MADE`."""
    query = select(_SILENCE).where(_SILENCE.c.starts_at >= moment).order_by(_SILENCE.c.starts_at.desc())
    rows = await connection.execute(query.limit(MOST_MADE))
    return [msgspec.convert(dict(row), Silence) for row in rows.mappings()]


async def end(connection: AsyncConnection, silence_id: str, now: datetime) -> bool:
    """End a silence now; False where none of that id is in force."""
    result = await connection.execute(
        update(_SILENCE).where(_SILENCE.c.id == silence_id, _SILENCE.c.ends_at > now).values(ends_at=now)
    )
    return result.rowcount == 1


async def by_ids(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Silence]:
    """Silences by id, also those that are over."""
    found: dict[str, Silence] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(select(_SILENCE).where(_SILENCE.c.id.in_(chunk)))
        found |= {row["id"]: msgspec.convert(dict(row), Silence) for row in rows.mappings()}
    return found


async def replace(connection: AsyncConnection, silence: Silence) -> None:
    """Add a silence, or make the one of its id what it says."""
    await upsert(connection, _SILENCE, [row_of(silence)])


async def move_end(connection: AsyncConnection, known: Silence, ends_at: datetime) -> bool:
    """Give a silence another end; False where it has changed since it was read."""
    unchanged = (_SILENCE.c.id == known.id, _SILENCE.c.ends_at == known.ends_at)
    result = await connection.execute(update(_SILENCE).where(*unchanged).values(ends_at=ends_at))
    return result.rowcount == 1
