"""Conversations with the bot beside what a person looks at: which channel, and which incident they ask about."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.slack import PaneRow

_PANE = table_of(PaneRow)
_KEPT = timedelta(days=30)
EVERYWHERE = ""
"""The thread of what holds in all of a conversation's."""


class Pane(msgspec.Struct, frozen=True, kw_only=True):
    """See ``PaneRow``."""

    channel: str
    thread: str
    viewed: str = ""
    incident_id: str = ""
    changed_at: datetime


async def save(connection: AsyncConnection, pane: Pane) -> None:
    await connection.execute(delete(_PANE).where(_PANE.c.changed_at < pane.changed_at - _KEPT))
    await upsert(connection, _PANE, [row_of(pane)])


async def of_thread(connection: AsyncConnection, channel: str, thread: str) -> Pane | None:
    """What is known of a thread, else of the whole conversation."""
    places = (_PANE.c.channel == channel, _PANE.c.thread.in_([thread, EVERYWHERE]))
    row = (await connection.execute(select(_PANE).where(*places).order_by(_PANE.c.thread.desc()))).mappings().first()
    return msgspec.convert(dict(row), Pane) if row else None
