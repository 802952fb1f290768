"""Files that nothing refers to any more: removed after a grace period for those that still read them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model_store import pulls
from bot.model_store.frames import Frames
from bot.storage.database import Database, insert_missing, table_of
from bot.storage.tables.models import IdSegmentRow, ModelRowsRow, ReferenceRow, UnusedFileRow

GRACE = timedelta(hours=1)
"""For checks that still run, and for data that came in once more and waits in the inbox."""
_UNUSED = table_of(UnusedFileRow)
_REFERENCE = table_of(ReferenceRow)
_ROWS = table_of(ModelRowsRow)
_SEGMENT = table_of(IdSegmentRow)
_AT_ONCE = 500


async def note(connection: AsyncConnection, names: Iterable[str], now: datetime) -> None:
    """Say that these files have lost a user; the last one or not is looked at later."""
    ordered = sorted(set(names))
    for start in range(0, len(ordered), _AT_ONCE):
        rows = [{"name": name, "since": now} for name in ordered[start : start + _AT_ONCE]]
        await insert_missing(connection, _UNUSED, rows)


async def remove(database: Database, frames: Frames, now: datetime) -> int:
    """Remove the files that nobody has used for the time of GRACE; returns how many it were."""
    async with database.read() as connection:
        waiting = select(_UNUSED.c.name).where(_UNUSED.c.since <= now - GRACE).order_by(_UNUSED.c.since).limit(_AT_ONCE)
        names = [name for (name,) in await connection.execute(waiting)]
        pulled = await pulls.frames_in_use(connection) if names else set[str]()
        used = {name for name in names if name.partition(".")[0] in pulled or await _is_used(connection, name)}
    gone = [name for name in names if name not in used and await frames.drop_idle(name, GRACE.total_seconds())]
    async with database.write() as connection:
        await connection.execute(delete(_UNUSED).where(_UNUSED.c.name.in_([*used, *gone])))
    return len(gone)


async def _is_used(connection: AsyncConnection, name: str) -> bool:
    digest = name.partition(".")[0]
    reference = or_(_REFERENCE.c.profile == name, _REFERENCE.c.digest == digest)
    uses = (
        select(_REFERENCE.c.version).where(reference).limit(1),
        select(_ROWS.c.seq).where(_ROWS.c.digest == digest).limit(1),
        select(_SEGMENT.c.rows).where(_SEGMENT.c.name == name).limit(1),
    )
    return any([await connection.scalar(use) is not None for use in uses])
