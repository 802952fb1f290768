"""What people wrote of incidents for their reports."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.review.texts import Texts
from bot.storage.database import table_of, upsert
from bot.storage.tables.deeds import ReportTextsRow

_TEXTS = table_of(ReportTextsRow)


async def texts_of(connection: AsyncConnection, incident_id: str) -> Texts | None:
    """None where nobody has written any."""
    rows = await connection.execute(select(_TEXTS).where(_TEXTS.c.incident_id == incident_id))
    row = rows.mappings().first()
    return msgspec.convert({name: row[name] for name in Texts.__struct_fields__}, Texts) if row else None


async def save(connection: AsyncConnection, incident_id: str, texts: Texts) -> None:
    await upsert(connection, _TEXTS, [{"incident_id": incident_id, **msgspec.structs.asdict(texts)}])
