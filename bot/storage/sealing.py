"""What is sealed with the key of this Tandem: runs, the rows of the audit log, and from where on they are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError
from bot.storage.database import Database, insert_missing, table_of
from bot.storage.queries import audit, runs
from bot.storage.queries.audit import AuditEntry
from bot.storage.run_ends import with_sealed_end
from bot.storage.seal import Seal
from bot.storage.tables.core import AuditRow
from bot.storage.tables.runs import RunRow
from bot.storage.tables.seals import SealRow

_SEAL = table_of(SealRow)
_RUN = table_of(RunRow)
_AUDIT = table_of(AuditRow)
_NAME, _ENDS = "database", "ends of runs"
_AT_ONCE = 500

log = structlog.get_logger(__name__)


async def adopt(database: Database, seal: Seal, now: datetime) -> None:
    """Use a seal for what is written from now on. Raises ConfigError where the database has the seals of another key.

    The first time, what was written before counts as it is: the log is sealed from its next row on, and so are the runs
    that have not ended.
    """
    database.use_seal(seal)
    async with database.write() as connection:
        await audit.lock_head(connection)  # of several replicas that start, one begins
        found = await sealed_from(connection)
        if found is None:
            await _begin(connection, seal, now)
            found = await sealed_from(connection)
        if found is not None and (why := refusal_of(found, seal)):
            raise ConfigError(why)
        await _seal_ends(connection, seal, now)


async def sealed_from(connection: AsyncConnection) -> Mapping[str, Any] | None:
    """With which key and from which row of the audit log on the database is sealed."""
    row = (await connection.execute(select(_SEAL).where(_SEAL.c.name == _NAME))).mappings().first()
    return dict(row) if row else None


def refusal_of(found: Mapping[str, Any], seal: Seal) -> str:
    """Why a key is not the one of a database; empty where it is."""
    if found["key_id"] != seal.key_id:
        why = f"the database is sealed with the key {found['key_id']}, and this is {seal.key_id}"
        advice = "give every replica the same key. Where it is lost, `tandem audit reseal` begins anew with this one"
        return f"TANDEM_SEAL_KEY: {why}: {advice}"
    if not seal.holds(found["mac"], "anchor", *_anchored(found)):
        return "somebody has changed from where on the database is sealed: compare with a backup; see `tandem doctor`"
    return ""


async def _begin(connection: AsyncConnection, seal: Seal, now: datetime) -> None:
    if await connection.scalar(select(_AUDIT.c.seq).where(_AUDIT.c.mac != "").limit(1)):
        why = "the audit log bears seals, and the record of their key is gone: compare with a backup"
        raise ConfigError(f"{why}. `tandem audit reseal` begins anew all the same")
    await begin_anew(connection, seal, now)


async def _seal_ends(connection: AsyncConnection, seal: Seal, now: datetime) -> None:
    """Once: how runs ended before their ends were sealed counts as it is."""
    row = (await connection.execute(select(_SEAL).where(_SEAL.c.name == _ENDS))).mappings().first()
    if row is not None:
        known = dict(row)
        if not seal.holds(known["mac"], "ends", *_anchored(known)):
            raise ConfigError("somebody has changed since when the ends of runs are sealed: compare with a backup")
        return
    if await connection.scalar(select(_RUN.c.id).where(_RUN.c.end_seal != "").limit(1)):
        why = "ends of runs bear seals, and the record of their key is gone: compare with a backup"
        raise ConfigError(f"{why}. `tandem audit reseal` begins anew all the same")
    await _seal_ends_anew(connection, seal, now)


async def _seal_ends_anew(connection: AsyncConnection, seal: Seal, now: datetime) -> None:
    row: dict[str, Any] = {"name": _ENDS, "key_id": seal.key_id, "from_seq": 0, "hash": "", "at": now}
    row["mac"] = seal.of("ends", *_anchored(row))
    await connection.execute(_SEAL.delete().where(_SEAL.c.name == _ENDS))
    await insert_missing(connection, _SEAL, [row])
    last = ""
    while found := await runs.page_by_id(connection, last, _AT_ONCE):
        last = found[-1].id
        for run in found:
            sealed = with_sealed_end(connection, run)
            if sealed.end_seal != run.end_seal:
                await connection.execute(update(_RUN).where(_RUN.c.id == run.id).values(end_seal=sealed.end_seal))


async def begin_anew(connection: AsyncConnection, seal: Seal, now: datetime) -> None:
    """Seal with this key from the next row of the log on; what was before counts by its hashes alone."""
    head = await audit.lock_head(connection)
    row = {"name": _NAME, "key_id": seal.key_id, "from_seq": head.seq + 1, "hash": head.hash, "at": now}
    row["mac"] = seal.of("anchor", *_anchored(row))
    await connection.execute(_SEAL.delete().where(_SEAL.c.name == _NAME))
    if not await insert_missing(connection, _SEAL, [row]):
        return
    for run in await runs.not_ended(connection):
        values = {"seal": runs.sealed(connection, run).seal}
        await connection.execute(update(_RUN).where(_RUN.c.id == run.id).values(values))
    await _seal_ends_anew(connection, seal, now)
    details = {"key_id": seal.key_id, "from": head.seq + 1, "hash": head.hash}
    await audit.append(connection, AuditEntry(now, "tandem", "audit.sealed", "audit", details))
    if head.seq:
        log.warning("audit.sealed", from_row=head.seq + 1, before=head.hash)


def _anchored(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["key_id"], str(row["from_seq"]), row["hash"]
