"""Prunes the beginning of the audit log; its last seal stays as the log's anchor.

The anchor is also named in the log itself, so that nobody can set one unseen: see ``audit.first_broken``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.queries import audit
from bot.storage.queries.audit import ARCHIVED, AuditEntry
from bot.storage.tables.core import AuditAnchorRow, AuditRow

_AUDIT = table_of(AuditRow)
_ANCHOR = table_of(AuditAnchorRow)


async def oldest(connection: AsyncConnection, before: datetime, most: int) -> list[Mapping[str, Any]]:
    """The first rows of the log that are of one day and older than a moment; never the last row of the log."""
    rows = await connection.execute(select(_AUDIT).order_by(_AUDIT.c.seq).limit(most))
    last = await connection.scalar(select(func.max(_AUDIT.c.seq)))
    found = [dict(row) for row in rows.mappings()]
    moment = before.astimezone(UTC).isoformat()
    old = takewhile(lambda row: row["at"] < moment and row["seq"] != last, found)
    return list(takewhile(lambda row: row["at"][:10] == found[0]["at"][:10], old))


async def prune(connection: AsyncConnection, until: int, now: datetime) -> None:
    """Delete the log up to a row. Where somebody else did so, nothing is done."""
    seal = await connection.scalar(select(_AUDIT.c.hash).where(_AUDIT.c.seq == until))
    if seal is None or not await insert_missing(connection, _ANCHOR, [{"seq": until, "hash": seal, "at": now}]):
        return
    await audit.append(connection, AuditEntry(now, "tandem", ARCHIVED, "audit", {"until": until, "seal": seal}))
    await connection.execute(delete(_AUDIT).where(_AUDIT.c.seq <= until))
