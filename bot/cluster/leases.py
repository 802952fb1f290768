"""Leases: which replica works on which partition and has which role, and the fence that every write passes.

A lease is worth something only while the last heartbeat of its holder is young, by the clock of this machine; and it is
worth something in a transaction only if the row of the lease still bears the epoch at which it was taken. The first
keeps a replica that was stalled or cut off from calling anybody; the second from writing. On PostgreSQL they are taken
and given back (:mod:`bot.cluster.shared_leases`); on SQLite there is one process, and it holds everything.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import Database

SOLE = "tandem"
"""The name of a process that is alone on its database. It stays, so that what it left is its own after a restart."""
ROLES = ("notifier", "rewriter", "tools", "remediation", "pruning", "retention", "tidying")
_PARTITIONS, _ROLES, _REPLICAS = 0x74706172, 0x74726F6C, 0x74726570

Lock = tuple[int, int]
"""An advisory lock of PostgreSQL: its class and its number."""


def partition_lease(partition: int) -> str:
    return f"partition:{partition}"


def role_lease(role: str) -> str:
    assert role in ROLES
    return f"role:{role}"


def lock_of(name: str) -> Lock:
    """The advisory lock behind a lease.

    >>> lock_of("partition:3")[1]
    3
    """
    kind, _, which = name.partition(":")
    return (_PARTITIONS, int(which)) if kind == "partition" else (_ROLES, _number(which))


def lock_of_replica(replica: str) -> Lock:
    """The advisory lock that a replica holds while it lives, or whoever takes over what a dead one left."""
    return _REPLICAS, _number(replica)


def _number(text: str) -> int:
    return zlib.crc32(text.encode()) & 0x7FFFFFFF


class Leases(Protocol):
    """What one replica holds. ``replica`` is its name among the others."""

    replica: str

    def epoch(self, name: str) -> int | None:
        """How often the lease was taken by anybody when this replica took it; None where it does not hold it now."""

    def holds(self, name: str) -> bool:
        """Whether this replica holds the lease at this moment."""

    async def check(self, connection: AsyncConnection, name: str) -> None:
        """Keep the lease ours until the end of this transaction. Raises LostLease where it is not."""

    def fenced(self, database: Database, name: str) -> Database:
        """The same database, whose writes raise LostLease where the lease is not ours."""

    def held(self) -> Collection[str]:
        """All that this replica holds at this moment."""

    async def changed(self) -> None:
        """Return when something may have been taken or lost, or after a moment."""

    async def members(self) -> Collection[str]:
        """The replicas that are not known to be gone."""

    def broadcast(self, message: str) -> None:
        """Pass a message to the other replicas, soon."""

    async def start(self) -> None:
        """Join the other replicas, without a share of its work. Raises StorageUnavailable."""

    def begin(self, receive: Callable[[str], None], recover: Callable[[str], Awaitable[None]]) -> None:
        """Take a share of the work from now on.

        ``receive`` is called with each message of another replica. ``recover`` takes over what a dead replica left: it
        is called by one replica, once for each that dies, and again if it fails.
        """

    async def release(self) -> None:
        """Give back everything, where there are others, and take nothing more."""

    async def stop(self) -> None:
        """Leave: others take over what this replica still carries out."""


class SoleLeases:
    """Of the one process on a database: it holds everything. See :class:`Leases`."""

    replica = SOLE

    def __init__(self, partitions: int = 0) -> None:
        self._all = [*map(partition_lease, range(partitions)), *map(role_lease, ROLES)]

    def epoch(self, name: str) -> int | None:
        return 1

    def holds(self, name: str) -> bool:
        return True

    async def check(self, connection: AsyncConnection, name: str) -> None:
        return

    def fenced(self, database: Database, name: str) -> Database:
        return database

    def held(self) -> Collection[str]:
        return self._all

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def members(self) -> Collection[str]:
        return [SOLE]

    def broadcast(self, message: str) -> None:
        return

    async def start(self) -> None:
        return

    def begin(self, receive: Callable[[str], None], recover: Callable[[str], Awaitable[None]]) -> None:
        return

    async def release(self) -> None:
        return

    async def stop(self) -> None:
        return
