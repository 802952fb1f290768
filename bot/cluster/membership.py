"""Membership: one process among the replicas. It runs work while it leads, and hands its leases over when it stops."""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import structlog

from bot.cluster.broadcast import LEASES, WORK, Broadcast
from bot.cluster.leases import Leases, SoleLeases, partition_lease, role_lease
from bot.errors import LostLease
from bot.storage.database import Database

log = structlog.get_logger(__name__)


def make_leases(database: Database, replica: str | None, partitions: int) -> Leases:
    """Shared ones on PostgreSQL, where no other process may have the name ``replica``; without one, it is made up."""
    if database.is_sqlite:
        return SoleLeases(partitions)
    from bot.cluster.shared_leases import SharedLeases  # brings psycopg

    return SharedLeases(database, replica or f"{socket.gethostname()[:40]}-{secrets.token_hex(3)}", partitions)


class Membership:
    """This process among its replicas."""

    def __init__(self, leases: Leases, broadcast: Broadcast) -> None:
        self._leases = leases
        self._broadcast = broadcast
        self._running: set[asyncio.Task[None]] = set()
        self._leases_changed = asyncio.Event()
        self._draining = False

    def status(self) -> dict[str, Any]:
        """What this replica holds at this moment, as ``/readyz`` shows it."""
        held: dict[str, list[str]] = {"partition": [], "role": []}
        for name in self._leases.held():
            kind, _, which = name.partition(":")
            held[kind].append(which)
        return {
            "replica": self._leases.replica,
            "partitions": sorted(map(int, held["partition"])),
            "roles": sorted(held["role"]),
        }

    async def run_while_leader(self, role: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start the work each time this replica takes the role, and cancel it when the role is lost."""
        while True:
            await self._until(role, leads=True)
            working = asyncio.create_task(work(), name=role)
            losing = asyncio.create_task(self._until(role, leads=False))
            self._running.add(working)
            working.add_done_callback(self._running.discard)  # also of one that failed, or who drains waits for ever
            try:
                await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            except LostLease as lost:
                log.info("role.lost", role=role, reason=str(lost))
            finally:
                losing.cancel()
                await _cancelled(working)

    async def _until(self, role: str, leads: bool) -> None:
        while (self._leases.holds(role_lease(role)) and not self._draining) is not leads:
            await self._leases_changed.wait()

    def publish_work(self, partitions: Iterable[int]) -> None:
        """The inbox has new entries: whichever replica holds their partitions looks at once."""
        for partition in partitions:
            here = self._leases.holds(partition_lease(partition))
            (self._broadcast.deliver if here else self._broadcast.send)(WORK, str(partition))

    async def take_share(self, recover: Callable[[str], Awaitable[None]]) -> None:
        """Take a share of the leases from now on, until cancelled.

        ``recover`` takes over what a dead replica left.
        """
        self._leases.begin(self._broadcast.receive, recover)
        held: set[str] = set()
        while True:
            before, held = held, set(self._leases.held())
            if held != before:
                self._broadcast.deliver(LEASES)
            self._notify_waiting()
            await self._leases.changed()

    async def drain(self) -> None:
        """Stop leading: end the work of every role, and only then give the leases to the others."""
        self._draining = True
        self._notify_waiting()
        while self._running:
            await asyncio.wait(set(self._running))
            await asyncio.sleep(0)
        await self._leases.release()

    def _notify_waiting(self) -> None:
        changed, self._leases_changed = self._leases_changed, asyncio.Event()
        changed.set()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, LostLease):
        await task
