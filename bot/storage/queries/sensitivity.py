"""The groups of watches that people made less sensitive."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.watched.sensitivity import Sensitivity, WatchGroup
from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.slack import SensitivityRow

_SENSITIVITY = table_of(SensitivityRow)


async def factors(connection: AsyncConnection, watches: Iterable[str]) -> dict[WatchGroup, float]:
    """By how much longer than configured groups of these watches wait between false alarms; for the others it is 1."""
    mine = _SENSITIVITY.c.watch.in_(list(watches))
    row = _SENSITIVITY.c
    rows = await connection.execute(select(row.domain, row.watch, row.group, row.factor).where(mine))
    return {WatchGroup(domain, watch, group): factor for domain, watch, group, factor in rows}


async def of_groups(connection: AsyncConnection, groups: Iterable[WatchGroup]) -> dict[WatchGroup, Sensitivity]:
    """What is known of groups; those that nobody changed are missing."""
    wanted = [and_(*(_SENSITIVITY.c[name] == value for name, value in group._asdict().items())) for group in groups]
    rows = await connection.execute(select(_SENSITIVITY).where(or_(*wanted))) if wanted else None
    found = [msgspec.convert(dict(row), Sensitivity) for row in rows.mappings()] if rows else []
    return {one.of: one for one in found}


async def changed(connection: AsyncConnection) -> list[Sensitivity]:
    """All that people changed, the latest first."""
    rows = await connection.execute(select(_SENSITIVITY).order_by(_SENSITIVITY.c.changed_at.desc()))
    return [msgspec.convert(dict(row), Sensitivity) for row in rows.mappings()]


async def save(connection: AsyncConnection, sensitivity: Sensitivity) -> None:
    await upsert(connection, _SENSITIVITY, [row_of(sensitivity)])


async def undo(connection: AsyncConnection, group: WatchGroup) -> None:
    """Let a group be as sensitive as configured."""
    mine = (_SENSITIVITY.c[name] == value for name, value in group._asdict().items())
    await connection.execute(delete(_SENSITIVITY).where(*mine))
