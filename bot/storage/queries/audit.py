"""The audit log: appended to, never changed, each row sealed with the hash of the one before."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.queries.records import counter
from bot.storage.seal import Seal, seal_of
from bot.storage.tables.core import AuditAnchorRow, AuditRow, CounterRow

_AUDIT = table_of(AuditRow)
_COUNTER = table_of(CounterRow)
_ANCHOR = table_of(AuditAnchorRow)
FIRST_HASH = "0" * 64
ARCHIVED = "audit.archived"
"""The action of the row that tells up to which row the log was archived and deleted, and the seal of that row."""


class Head(NamedTuple):
    """The newest row of the log. Written down elsewhere, it shows later whether the log was cut or made anew."""

    seq: int
    hash: str
    mac: str = ""

    def __str__(self) -> str:
        return f"{self.seq} {self.hash} {self.mac or '-'}"


class AuditEntry(msgspec.Struct, frozen=True):
    """Who (a Slack user's id, or ``tandem``) did what to which subject, when."""

    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any] = {}


async def append(connection: AsyncConnection, *entries: AuditEntry) -> None:
    """Add entries, late in a transaction: others who add some wait for its end, so that the chain has no fork."""
    if not entries:
        return
    first = await counter.take(connection, "audit", len(entries)) - len(entries) + 1
    previous = await connection.scalar(select(_AUDIT.c.hash).where(_AUDIT.c.seq == first - 1)) or FIRST_HASH
    seal = seal_of(connection)
    rows = []
    for seq, entry in enumerate(entries, first):
        row = {
            "seq": seq,
            "at": entry.at.astimezone(UTC).isoformat(),
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "details": msgspec.json.encode(entry.details, order="deterministic").decode(),
            "previous_hash": previous,
        }
        previous = _digest(row)
        rows.append({**row, "hash": previous, "mac": seal.of("audit", previous) if seal else ""})
    await connection.execute(insert(_AUDIT), rows)


def _digest(row: Mapping[str, Any]) -> str:
    sealed = [row[name] for name in ("seq", "at", "actor", "action", "subject", "details", "previous_hash")]
    return hashlib.sha256(msgspec.json.encode(sealed)).hexdigest()


async def entries(connection: AsyncConnection, subject: str | None = None) -> list[dict[str, Any]]:
    """The log in order, of one subject or whole."""
    query = select(_AUDIT).order_by(_AUDIT.c.seq)
    if subject is not None:
        query = query.where(_AUDIT.c.subject == subject)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def head(connection: AsyncConnection) -> Head:
    """The newest row."""
    row = (await connection.execute(select(_AUDIT).order_by(_AUDIT.c.seq.desc()).limit(1))).mappings().first()
    return Head(row["seq"], row["hash"], row["mac"]) if row else Head(0, FIRST_HASH)


async def lock_head(connection: AsyncConnection) -> Head:
    """The newest row, and nobody appends another one until the transaction ends."""
    await insert_missing(connection, _COUNTER, [{"name": "audit", "value": 0}])
    await connection.execute(update(_COUNTER).where(_COUNTER.c.name == "audit").values(value=_COUNTER.c.value))
    return await head(connection)


async def is_in(connection: AsyncConnection, head: Head) -> bool:
    """Whether the log has the row that was its head, or had it before its beginning was archived."""
    _, first = await anchor(connection)
    found = await connection.scalar(select(_AUDIT.c.hash).where(_AUDIT.c.seq == head.seq))
    return head.seq < first or found == head.hash


def read_head(text: str, seal: Seal) -> Head | None:
    """A head that was written down; None where it is none, or not of this key."""
    words = text.split()
    if len(words) != 3 or not words[0].isdecimal():
        return None
    found = Head(int(words[0]), words[1], words[2])
    return found if seal.holds(found.mac, "audit", found.hash) else None


async def first_unsealed(connection: AsyncConnection, seal: Seal, from_seq: int) -> int | None:
    """The first row, of those that have to bear one, whose seal is not of this key."""
    query = select(_AUDIT.c.seq, _AUDIT.c.hash, _AUDIT.c.mac).where(_AUDIT.c.seq >= from_seq).order_by(_AUDIT.c.seq)
    for row in await connection.execute(query):
        if not seal.holds(row.mac, "audit", row.hash):
            return int(row.seq)
    return None


async def first_broken(connection: AsyncConnection) -> int | None:
    """The first row whose hash does not hold or that is missing; None where the chain is whole.

    Where its beginning was archived, the chain begins behind the last seal of that, which a row of the chain has to
    tell, too: an anchor of somebody else's is a break.
    """
    previous, expected = await anchor(connection)
    untold = (expected - 1, previous) if expected > 1 else None
    first = expected
    for row in await entries(connection):
        if row["seq"] != expected or row["previous_hash"] != previous or row["hash"] != _digest(row):
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
