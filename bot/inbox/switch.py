"""The offsets belong to one inbox. Before another one is used, all of the old one must have been processed."""

from collections.abc import Mapping

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError
from bot.inbox import offsets
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.partitions import IS_FRESH, choose
from bot.inbox.sql import IDENTITY as DATABASE
from bot.storage.database import Database, table_of, upsert
from bot.storage.tables.core import DetectorStateRow, OffsetRow
from bot.storage.tables.inbox import InboxLeftRow
from bot.storage.tables.leases import ReplicaRow
from bot.storage.version import has_table

_OFFSET = table_of(OffsetRow)
_STATE = table_of(DetectorStateRow)
_LEFT = table_of(InboxLeftRow)
_REPLICA = table_of(ReplicaRow)

log = structlog.get_logger(__name__)


async def claim_offsets(database: Database, inbox: Inbox, partitions: int, given_up: str | None = None) -> int:
    """Prepare an inbox, and see to it that the offsets are its own. Returns how many partitions there are: as many as
    there were, or ``partitions`` where nothing has run on the database yet.

    Where they belong to another one, that must have been worked through, or ``given_up`` names it; else raises
    ConfigError. Every other replica must have stopped: what it accepts into the old inbox nobody would look for.
    """
    async with database.read() as connection:
        owner = await offsets.owner(connection)
        positions = await offsets.positions(connection)
        last = await _last_position(connection)  # after them: other replicas work on meanwhile
    newest = await inbox.prepare(last)
    if owner not in (None, inbox.identity, given_up):
        if owner == DATABASE:
            await _prepare_old(database, positions)
        await _see_that_all_is_done(database, str(owner), positions, inbox.identity)
    async with database.write() as connection:
        if await offsets.owner(connection) not in (owner, inbox.identity):
            raise ConfigError("TANDEM_INBOX_URL: another replica begins with another inbox at the same time")
        if owner in (None, inbox.identity):
            await _go_back(connection, {p: newest for p, position in positions.items() if position > newest})
        else:
            await _see_that_nobody_works(connection)
            await _switch(connection, str(owner), inbox.identity)
            log.warning("inbox.switched", left=owner, now=inbox.identity)
        return await choose(connection, partitions, inbox.identity)


async def see_whether_claimable(database: Database, inbox: Inbox, given_up: str | None = None) -> None:
    """Raises ConfigError where :func:`claim_offsets` would, as far as it can be seen; nothing is made or changed.

    ``inbox.reach`` was called, so that its identity is known; where it is not, there is no such stream.
    """
    async with database.read() as connection:
        if not await has_table(connection, OffsetRow):
            return
        owner = await offsets.owner(connection)
        positions = await offsets.positions(connection)
        if owner in (None, inbox.identity):
            return
        await _see_that_nobody_works(connection)
    if owner != given_up:
        await _see_that_all_is_done(database, str(owner), positions, inbox.identity or "a stream that is not there")


async def owner_of_offsets(database: Database) -> str | None:
    """The identity of the inbox that the offsets belong to; None where there are none yet."""
    async with database.read() as connection:
        return await offsets.owner(connection)


async def _last_position(connection: AsyncConnection) -> int:
    """The highest position in any inbox: a new one counts on behind it, so that no number is given twice."""
    known = [*await connection.scalars(select(_OFFSET.c.position)), *await connection.scalars(select(_LEFT.c.position))]
    return max(known, default=0)


async def _see_that_all_is_done(database: Database, owner: str, positions: Mapping[int, int], identity: str) -> None:
    """Raises ConfigError where entries wait in the old inbox, and where nobody can see whether any do."""
    left = f"TANDEM_INBOX_URL: the offsets in this database belong to another inbox ({owner}), not to {identity}"
    anyway = f"or, to leave what may be in it, set TANDEM_INBOX_LEFT={owner!r}"
    if owner != DATABASE:
        raise ConfigError(
            f"{left}. Run with its address until `inbox_lag` in /readyz is 0 and no endpoint is open; then, {anyway}"
        )
    old = open_inbox(database)
    try:
        waiting = await old.lag(positions)
    finally:
        await old.close()
    if waiting:
        raise ConfigError(f"{left}, and {waiting} entries wait there. Run without TANDEM_INBOX_URL first, {anyway}")


async def _prepare_old(database: Database, positions: Mapping[int, int]) -> None:
    """Bring the inbox of the database to this version's schema, so that it can be counted what waits there."""
    old = open_inbox(database)
    try:
        await old.prepare(max(positions.values(), default=0))
    finally:
        await old.close()


async def _see_that_nobody_works(connection: AsyncConnection) -> None:
    """Raises ConfigError where another replica is alive, which may take more into the old inbox at any moment."""
    if connection.dialect.name == "sqlite":
        return  # there, one process at a time holds the file
    alive = select(_REPLICA.c.id).where(_REPLICA.c.incarnation != "", IS_FRESH).order_by(_REPLICA.c.id)
    if names := list(await connection.scalars(alive)):
        why = f"other replicas still run on the old inbox ({', '.join(names)}): stop them first"
        raise ConfigError(f"TANDEM_INBOX_URL: {why}")


async def _switch(connection: AsyncConnection, owner: str, identity: str) -> None:
    """Keep the old positions for whoever comes back; begin with those that were kept, or before everything."""
    before = await offsets.positions(connection)
    rows = [{"inbox": owner, "partition": p, "position": position} for p, position in before.items()]
    await upsert(connection, _LEFT, rows)
    kept = await connection.execute(select(_LEFT.c.partition, _LEFT.c.position).where(_LEFT.c.inbox == identity))
    begin = {partition: 0 for partition in before} | {partition: position for partition, position in kept}
    await connection.execute(update(_OFFSET).values(inbox=identity))
    for partition, position in begin.items():
        for table in (_OFFSET, _STATE):  # what the watches have learnt has all of the old inbox in it
            mine = update(table).where(table.c.partition == partition)
            await connection.execute(mine.values(position=position))


async def _go_back(connection: AsyncConnection, positions: Mapping[int, int]) -> None:
    """A stream that was restored from a backup counts on from there: what it holds for these partitions is done."""
    if not positions:
        return
    log.warning("inbox.older_than_offsets", partitions=sorted(positions), newest=max(positions.values()))
    for partition, position in positions.items():
        for table in (_OFFSET, _STATE):
            mine = update(table).where(table.c.partition == partition, table.c.position > position)
            await connection.execute(mine.values(position=position))
