"""The queries of a lease session. Every moment is by the database's clock: replicas need not agree on one.

Advisory locks: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from bot.cluster.leases import Lock, lock_of
from bot.storage.timeouts import MARKS

CHANNEL = "tandem"
_HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"


class Member(NamedTuple):
    """A replica as the database sees it: ``silent_for`` seconds without a heartbeat, with its session open or not."""

    id: str
    mark: int
    works: bool
    silent_for: float
    connected: bool


async def prepare(connection: AsyncConnection[Any], mark: int, names: Iterable[str]) -> None:
    """Settings of the session; no lease that was ever taken is changed.

    A lost commit of a heartbeat hurts nobody, nor of an epoch: whatever was written under it would be lost too.
    """
    for setting in ("statement_timeout = '2s'", "lock_timeout = '500ms'", "synchronous_commit = off"):
        await connection.execute(f"SET {setting}")
    await connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (MARKS, mark))
    await connection.execute(f"LISTEN {CHANNEL}")
    await connection.execute(
        "INSERT INTO lease (name, epoch, replica, incarnation, since) "
        "SELECT name, 0, '', '', clock_timestamp() FROM unnest(%s::text[]) AS name ON CONFLICT DO NOTHING",
        (sorted(names),),
    )


async def lock(connection: AsyncConnection[Any], one: Lock) -> bool:
    """Take an advisory lock, if nobody has it."""
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", one)).fetchone()
    return bool(row and row[0])


async def unlock(connection: AsyncConnection[Any], locks: Iterable[Lock]) -> None:
    classes, numbers = [], []
    for one in locks:
        classes.append(one[0])
        numbers.append(one[1])
    await connection.execute(
        "SELECT pg_advisory_unlock(class, number) FROM unnest(%s::int[], %s::int[]) AS these(class, number)",
        (classes, numbers),
    )


async def join(
    connection: AsyncConnection[Any], replica: str, incarnation: str, fresh: str, mark: int, version: str
) -> str:
    """Be a member; the lock of the replica is held. Returns the incarnation: a fresh one, if the old was buried."""
    cursor = await connection.execute(
        "INSERT INTO replica (id, incarnation, mark, backend_pid, works, version, started_at, heartbeat_at) "
        "VALUES (%(id)s, %(fresh)s, %(mark)s, pg_backend_pid(), false, %(version)s, "
        "clock_timestamp(), clock_timestamp()) "
        "ON CONFLICT (id) DO UPDATE SET mark = excluded.mark, backend_pid = excluded.backend_pid, works = false, "
        "version = excluded.version, started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at, "
        "incarnation = CASE WHEN replica.incarnation = %(known)s THEN %(known)s ELSE excluded.incarnation END "
        "RETURNING incarnation",
        {"id": replica, "known": incarnation or fresh, "fresh": fresh, "mark": mark, "version": version},
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def beat(connection: AsyncConnection[Any], replica: str, incarnation: str) -> bool:
    """Say that this replica lives; False where it was declared dead."""
    cursor = await connection.execute(
        "UPDATE replica SET heartbeat_at = clock_timestamp() "
        "WHERE id = %s AND incarnation = %s AND backend_pid = pg_backend_pid()",
        (replica, incarnation),
    )
    return cursor.rowcount == 1


async def members(connection: AsyncConnection[Any]) -> list[Member]:
    """All replicas, with those that died and were not yet buried."""
    cursor = await connection.execute(
        "WITH bearing AS MATERIALIZED (SELECT pid, objid FROM pg_locks WHERE locktype = 'advisory' "
        f"AND classid = %s::oid AND granted AND database = {_HERE}) "
        "SELECT id, mark, works, extract(epoch FROM clock_timestamp() - heartbeat_at)::float8, "
        "EXISTS (SELECT FROM bearing WHERE pid = backend_pid AND objid = mark::oid) FROM replica ORDER BY id",
        (MARKS,),
    )
    return [Member(*row) for row in await cursor.fetchall()]


async def cut(connection: AsyncConnection[Any], mark: int) -> None:
    """End all connections of a process: what it has locked is free then, and what it began is undone."""
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s::oid "
        f"AND objid = %s::oid AND database = {_HERE}",
        (MARKS, mark),
    )


async def lock_some(connection: AsyncConnection[Any], names: Collection[str], most: int) -> list[str]:
    """Lock those leases that are free, so many at most."""
    locks = [lock_of(name) for name in names]
    cursor = await connection.execute(
        "SELECT name FROM unnest(%s::text[], %s::int[], %s::int[]) AS wanted(name, class, number) "
        "WHERE pg_try_advisory_lock(class, number) LIMIT %s",
        (list(names), [one[0] for one in locks], [one[1] for one in locks], most),
    )
    return [name for (name,) in await cursor.fetchall()]


async def take(
    connection: AsyncConnection[Any], names: Collection[str], replica: str, incarnation: str
) -> Mapping[str, int]:
    """Begin a new epoch of leases whose locks are held; returns it for each.

    Left out are those in whose rows a transaction of the one before still holds on: it ends first.
    """
    cursor = await connection.execute(
        "WITH free AS (SELECT name FROM lease WHERE name = ANY(%s) FOR NO KEY UPDATE SKIP LOCKED) "
        "UPDATE lease SET epoch = epoch + 1, replica = %s, incarnation = %s, since = clock_timestamp() "
        "FROM free WHERE lease.name = free.name RETURNING lease.name, epoch",
        (list(names), replica, incarnation),
    )
    return {name: epoch for name, epoch in await cursor.fetchall()}


async def notify(connection: AsyncConnection[Any], messages: Iterable[str]) -> None:
    query = "SELECT pg_notify(%s, message) FROM unnest(%s::text[]) AS message"
    await connection.execute(query, (CHANNEL, sorted(messages)))


async def declare_dead(connection: AsyncConnection[Any], replica: str) -> None:
    """Let a replica that comes back under this name know that others took over; its lock is held."""
    await connection.execute("UPDATE replica SET incarnation = '' WHERE id = %s", (replica,))


async def bury(connection: AsyncConnection[Any], replica: str) -> None:
    """Forget a replica: nothing of it is left to be taken over."""
    await connection.execute("DELETE FROM replica WHERE id = %s AND incarnation = ''", (replica,))


async def record_working(connection: AsyncConnection[Any], replica: str, works: bool) -> None:
    """A share of the work is left to those that work."""
    await connection.execute("UPDATE replica SET works = %s WHERE id = %s", (works, replica))


async def leave(connection: AsyncConnection[Any], replica: str) -> None:
    """Let others take over at once what this replica still carries out."""
    long_ago = "clock_timestamp() - interval '1 hour'"
    await connection.execute(
        f"UPDATE replica SET incarnation = '', heartbeat_at = {long_ago} WHERE id = %s", (replica,)
    )
