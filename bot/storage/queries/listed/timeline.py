"""The end of a timeline, for who looks at an incident."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import TimelineEntry
from bot.storage.database import table_of
from bot.storage.tables.core import TimelineRow

_TIMELINE = table_of(TimelineRow)
_FIELDS = [_TIMELINE.c[name] for name in TimelineEntry.__struct_fields__]


async def newest_entries(connection: AsyncConnection, incident_id: str, limit: int) -> list[TimelineEntry]:
    """The newest first."""
    query = select(*_FIELDS).where(_TIMELINE.c.incident_id == incident_id).order_by(_TIMELINE.c.id.desc())
    rows = (await connection.execute(query.limit(limit))).mappings()
    return [msgspec.convert(dict(row), TimelineEntry) for row in rows]
