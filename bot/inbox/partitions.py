"""How many partitions there are: as many as the database has offsets.

The number is chosen once, at the first start on a database, and changed while no process runs on it. No process
believes another number for long: whoever starts asks for it, and whoever looks at the offsets compares.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Event
from bot.errors import StorageUnavailable
from bot.inbox import offsets
from bot.storage.database import Database, table_of, upsert
from bot.storage.tables.core import OffsetRow
from bot.storage.tables.inbox import InboxLeftRow
from bot.storage.tables.leases import ReplicaRow
from bot.storage.timeouts import MARKS

if TYPE_CHECKING:
    from bot.inbox.inbox import Inbox, NewEntry

MOST = 1024
_OFFSET = table_of(OffsetRow)
_LEFT = table_of(InboxLeftRow)
_REPLICA = table_of(ReplicaRow)
_LOCK, _CHOICE = 0x70617274, 0x63686F69
"""Whoever changes the partitions has the first alone, and whoever begins with them shares it. The second is for those
that begin on a new database, one after the other: to choose is no change, and must turn nobody away."""
_COUNT = select(func.count()).select_from(_OFFSET)
IS_FRESH = func.now() - _REPLICA.c.heartbeat_at < timedelta(seconds=5)
"""A replica has shown lately that it lives."""
_PATIENCE = 3600.0
_AT_ONCE = 100
_BEARS = text(
    "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :marks AND objid = mark::oid "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


async def count(connection: AsyncConnection) -> int:
    """How many there are; 0 where nothing has run on the database yet."""
    return int(await connection.scalar(_COUNT) or 0)


async def choose(connection: AsyncConnection, wanted: int, inbox: str) -> int:
    """How many there are from now on: as many as there were, or as wanted where nothing has run here yet.

    Of several processes that start on a new database at the same time, one decides.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:choice)"), {"choice": _CHOICE})
        await connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})
    known = await count(connection)
    if not known:
        await offsets.prepare(connection, wanted, inbox)
    return known or wanted


async def see_that_it_holds(database: Database, believed: int, partition_by: Sequence[str]) -> None:
    """Raises StorageUnavailable where number or labels were changed, or are being changed, while this process started.

    To be called by a member: whoever changes the number after this sees that it lives.
    """
    if database.is_sqlite:
        return
    async with database.read() as connection:
        shared = text("SELECT pg_try_advisory_xact_lock_shared(:lock)")
        if not await connection.scalar(shared, {"lock": _LOCK}):
            raise StorageUnavailable("the partitions are being changed at this moment: start again when that is done")
        if (known := await count(connection)) != believed:
            raise StorageUnavailable(changed(known, believed))
        if (noted := await labels(connection)) not in (None, list(partition_by)):
            raise StorageUnavailable(f"another process has begun with correlation.partition_by {noted}")


def advice_on(known: int, wanted: int | None) -> str:
    """What to do where the setting is not what the database has."""
    return (
        f"Tandem goes on with {known}: the database decides. Set TANDEM_PARTITIONS={known} or leave it out; to have "
        f"{wanted}, stop every process and run `tandem partitions {wanted}`."
    )


def changed(known: int, believed: int) -> str:
    """What a process says that finds another number than the one it began with."""
    return f"the database has {known} partitions now, and had {believed} when this process started: start it again"


@asynccontextmanager
async def alone(connection: AsyncConnection) -> AsyncIterator[None]:
    """Let nobody begin on this database before the transaction ends, and let its statements take their time."""
    if connection.dialect.name != "postgresql":
        yield
        return
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    usual, driver.answer_seconds = driver.answer_seconds, _PATIENCE
    try:
        yield
    finally:
        driver.answer_seconds = usual


async def take_stranded(
    database: Database, inbox: "Inbox", entries: Callable[[Sequence[Event], datetime], "Sequence[NewEntry]"]
) -> int:
    """Take up what came into partitions that there are no more, and return how many entries that were.

    That may be where a process took it in that was cut off from the database while their number was changed.
    ``entries`` makes of events what is appended. Killed in the middle, it is done again, and an event that comes twice
    is a repetition.
    """
    async with database.read() as connection:
        left = await retired(connection, inbox.identity)
    behind = await inbox.partitions_behind(left) if left else {}
    taken = 0
    for partition in sorted(behind):
        async with database.write() as connection:
            mine = (_LEFT.c.inbox == inbox.identity, _LEFT.c.partition == partition)
            position = (await connection.execute(select(_LEFT.c.position).where(*mine).with_for_update())).scalar()
            if position is None:
                continue  # another process that starts has done it
            while found := (await inbox.entries_after(partition, position, _AT_ONCE)).entries:
                new = [one for entry in found for one in entries(entry.events, entry.received_at)]
                await inbox.append(inbox.fitted(new))
                taken, position = taken + len(found), found[-1].seq
            await connection.execute(update(_LEFT).where(*mine).values(position=position))
    return taken


async def living(connection: AsyncConnection) -> list[str]:
    """The replicas that live, or whose connections are still open. On SQLite there are none: the file's lock tells."""
    if connection.dialect.name == "sqlite":
        return []
    here = (_REPLICA.c.incarnation != "", or_(IS_FRESH, _BEARS.bindparams(marks=MARKS)))  # without one, it has left
    return list(await connection.scalars(select(_REPLICA.c.id).where(*here).order_by(_REPLICA.c.id)))


async def labels(connection: AsyncConnection) -> list[str] | None:
    """By which labels the domains of what is stored are told apart; None where nobody has noted it."""
    noted = await connection.scalar(select(_OFFSET.c.partition_by).order_by(_OFFSET.c.partition).limit(1))
    return None if noted is None else msgspec.json.decode(noted, type=list[str])


async def note_labels(connection: AsyncConnection, partition_by: Sequence[str]) -> None:
    await connection.execute(update(_OFFSET).values(partition_by=msgspec.json.encode(partition_by).decode()))


async def replace(connection: AsyncConnection, partitions: int, position: int, partition_by: Sequence[str]) -> None:
    """Give the inbox so many partitions. What is in it was worked through, all of it up to ``position``.

    What is still in partitions that there are no more is noted, so that it is archived and deleted in time. Of inboxes
    that were left before, all up to the last position counts as done.
    """
    inbox = str(await offsets.owner(connection))
    before = await offsets.positions(connection)
    rows = (await connection.execute(select(_LEFT.c.inbox, _LEFT.c.partition, _LEFT.c.position))).all()
    others: dict[str, int] = {}
    for name, _, left_at in rows:
        others[name] = max(left_at, others.get(name, 0))
    retired = {partition for name, partition, _ in rows if name == inbox} | set(before)
    await connection.execute(delete(_OFFSET))
    await offsets.prepare(connection, partitions, inbox, position)
    await note_labels(connection, partition_by)
    await connection.execute(delete(_LEFT))
    left = [_left(inbox, partition, position) for partition in sorted(retired) if partition >= partitions]
    left += [_left(name, p, at) for name, at in others.items() if name != inbox for p in range(partitions)]
    await upsert(connection, _LEFT, left)


async def left_before(connection: AsyncConnection) -> list[str]:
    """The inboxes that were left for another one, if any."""
    mine = select(_OFFSET.c.inbox)
    return list(await connection.scalars(select(_LEFT.c.inbox).where(_LEFT.c.inbox.not_in(mine)).distinct()))


def _left(inbox: str, partition: int, position: int) -> dict[str, object]:
    return {"inbox": inbox, "partition": partition, "position": position}


async def retired(connection: AsyncConnection, inbox: str) -> dict[int, int]:
    """Partitions of this inbox that there are no more, and how far they were worked through: to their ends."""
    known = select(_OFFSET.c.partition)
    mine = select(_LEFT.c.partition, _LEFT.c.position).where(_LEFT.c.inbox == inbox, _LEFT.c.partition.not_in(known))
    return {partition: position for partition, position in await connection.execute(mine)}


async def forget_retired(connection: AsyncConnection, inbox: str, partitions: Collection[int]) -> None:
    """Nothing is left in them."""
    mine = (_LEFT.c.inbox == inbox, _LEFT.c.partition.in_(list(partitions)))
    await connection.execute(delete(_LEFT).where(*mine))
