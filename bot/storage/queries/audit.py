"""The audit log: appended to, never changed, each row sealed with the hash of the one before."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.tables.core import AuditAnchorRow, AuditRow, CounterRow

_AUDIT = table_of(AuditRow)
_COUNTER = table_of(CounterRow)
_ANCHOR = table_of(AuditAnchorRow)
FIRST_HASH = "0" * 64
ARCHIVED = "audit.archived"
"""The action of the row that tells up to which row the log was archived and deleted, and the seal of that row."""


class AuditEntry(msgspec.Struct, frozen=True):
    """Who (a Slack user's id, or ``tandem``) did what to which subject, when."""

    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any] = {}


async def append(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add an entry. The counter's row keeps writers in single file, so that the chain has no fork."""
    await insert_missing(connection, _COUNTER, [{"name": "audit", "value": 0}])
    taken = (
        update(_COUNTER)
        .where(_COUNTER.c.name == "audit")
        .values(value=_COUNTER.c.value + 1)
        .returning(_COUNTER.c.value)
    )
    seq = (await connection.execute(taken)).scalar_one()
    previous = await connection.scalar(select(_AUDIT.c.hash).where(_AUDIT.c.seq == seq - 1)) or FIRST_HASH
    row = {
        "seq": seq,
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": msgspec.json.encode(entry.details, order="deterministic").decode(),
        "previous_hash": previous,
    }
    await connection.execute(insert(_AUDIT), [{**row, "hash": _seal(row)}])


def _seal(row: Mapping[str, Any]) -> str:
    sealed = [row[name] for name in ("seq", "at", "actor", "action", "subject", "details", "previous_hash")]
    return hashlib.sha256(msgspec.json.encode(sealed)).hexdigest()


async def entries(connection: AsyncConnection, subject: str | None = None) -> list[dict[str, Any]]:
    """The log in order, of one subject or whole."""
    query = select(_AUDIT).order_by(_AUDIT.c.seq)
    if subject is not None:
        query = query.where(_AUDIT.c.subject == subject)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def first_broken(connection: AsyncConnection) -> int | None:
    """The first row whose seal does not hold or that is missing; None where the chain is whole.

    Where its beginning was archived, the chain begins behind the last seal of that, which a row of the chain has to
    tell, too: an anchor of somebody else's is a break.
    """
    previous, expected = await anchor(connection)
    untold = (expected - 1, previous) if expected > 1 else None
    first = expected
    for row in await entries(connection):
        if row["seq"] != expected or row["previous_hash"] != previous or row["hash"] != _seal(row):
            return expected
        if untold and row["action"] == ARCHIVED and _told_of(row) == untold:
            untold = None
        previous, expected = row["hash"], expected + 1
    return first if untold else None


async def anchor(connection: AsyncConnection) -> tuple[str, int]:
    """The seal behind which the log begins, and the number of its first row."""
    rows = await connection.execute(select(_ANCHOR.c.hash, _ANCHOR.c.seq).order_by(_ANCHOR.c.seq.desc()).limit(1))
    row = rows.first()
    return (row.hash, row.seq + 1) if row else (FIRST_HASH, 1)


def _told_of(row: Mapping[str, Any]) -> tuple[int, str]:
    details = msgspec.json.decode(row["details"])
    return details["until"], details["seal"]
