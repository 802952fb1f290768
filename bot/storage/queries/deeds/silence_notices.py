"""Silences that were made or ended early and are to be announced; a row goes when it was."""

from datetime import datetime

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.tables.deeds import SilenceNoticeRow

_NOTICE = table_of(SilenceNoticeRow)


class SilenceNotice(msgspec.Struct, frozen=True, kw_only=True):
    """``ended``: it was ended early, else made. ``posting_since`` says that it may stand in the channel already."""

    id: int
    silence_id: str
    ended: bool
    actor: str
    at: datetime
    posting_since: datetime | None = None


async def add(connection: AsyncConnection, silence_id: str, actor: str, now: datetime, *, ended: bool = False) -> None:
    row = {"silence_id": silence_id, "actor": actor, "at": now, "ended": ended}
    await connection.execute(insert(_NOTICE), [row])


async def oldest(connection: AsyncConnection) -> SilenceNotice | None:
    row = (await connection.execute(select(_NOTICE).order_by(_NOTICE.c.id).limit(1))).mappings().first()
    return msgspec.convert(dict(row), SilenceNotice) if row else None


async def begin_posting(connection: AsyncConnection, notice_id: int, now: datetime) -> None:
    await connection.execute(update(_NOTICE).where(_NOTICE.c.id == notice_id).values(posting_since=now))


async def done(connection: AsyncConnection, notice_id: int) -> None:
    await connection.execute(delete(_NOTICE).where(_NOTICE.c.id == notice_id))
