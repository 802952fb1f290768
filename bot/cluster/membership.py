"""What makes a process one of several: its leases, the roles that it plays while it holds them, what others tell."""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog
from sqlalchemy import make_url

from bot.cluster.leases import Leases, SoleLeases, partition_lease, role_lease
from bot.cluster.shared_leases import SharedLeases
from bot.errors import LostLease
from bot.storage.database import Database
from bot.storage.timeouts import SOCKET

_CHANGED = "changed"
_WORK = "work"

log = structlog.get_logger(__name__)


def make_leases(database: Database, replica: str | None, partitions: int) -> Leases:
    """Shared ones on PostgreSQL, where no other process may have the name ``replica``; without one, it is made up."""
    if database.is_sqlite:
        return SoleLeases(partitions)
    return SharedLeases(database, replica or f"{socket.gethostname()[:40]}-{secrets.token_hex(3)}", partitions)


class Worker(Protocol):
    """What works through partitions, as far as a replica's leases concern it."""

    def wake(self, partitions: Iterable[int]) -> None:
        """Say that these partitions have new entries."""

    def look(self) -> None:
        """Say that the leases have changed."""


class Fleet:
    """This process among its replicas. ``wake`` is called when something was changed, here or elsewhere."""

    def __init__(self, leases: Leases, wake: Callable[[], None]) -> None:
        self.leases = leases
        self._wake = wake
        self._playing: set[asyncio.Task[None]] = set()
        self._stirred = asyncio.Event()
        self._leaving = False
        self._worker: Worker | None = None
        self.heard: dict[str, Callable[[str], None]] = {}
        """What else is done about what others tell, by its first word; called with the rest."""

    def holds(self, role: str) -> Callable[[], bool]:
        """Says whether this replica has the role at that moment."""
        name = role_lease(role)
        return lambda: self.leases.holds(name)

    def share(self) -> dict[str, Any]:
        """What this replica holds at this moment, by the names of what it is shown as."""
        held: dict[str, list[str]] = {"partition": [], "role": []}
        for name in self.leases.held():
            kind, _, which = name.partition(":")
            held[kind].append(which)
        return {
            "replica": self.leases.replica,
            "partitions": sorted(map(int, held["partition"])),
            "roles": sorted(held["role"]),
        }

    def under(self, database: Database, role: str) -> Database:
        """The database for whoever has the role: it takes no write when that was lost."""
        return self.leases.fenced(database, role_lease(role))

    async def play(self, role: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin the work each time that this replica takes the role, and end it when the role is lost."""
        while True:
            await self._until(role, plays=True)
            working = asyncio.create_task(work(), name=role)
            losing = asyncio.create_task(self._until(role, plays=False))
            self._playing.add(working)
            try:
                await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            except LostLease as lost:
                log.info("role.lost", role=role, reason=str(lost))
            finally:
                losing.cancel()
                await _ended(working)
                self._playing.discard(working)

    async def _until(self, role: str, plays: bool) -> None:
        while (self.leases.holds(role_lease(role)) and not self._leaving) is not plays:
            await self._stirred.wait()

    def _stir(self) -> None:
        stirred, self._stirred = self._stirred, asyncio.Event()
        stirred.set()

    def changed(self) -> None:
        """Something was changed here that others may have to look at."""
        self._wake()
        self.leases.tell(_CHANGED)

    def appended(self, partitions: Iterable[int]) -> None:
        """The inbox has new entries: whoever works on those partitions should look."""
        for partition in partitions:
            if not self.leases.holds(partition_lease(partition)):
                self.leases.tell(f"{_WORK} {partition}")
            elif self._worker:
                self._worker.wake([partition])

    async def work(self, worker: Worker, recover: Callable[[str], Awaitable[None]]) -> None:
        """Take a share of the work from now on, until cancelled. ``recover`` takes over what a dead replica left."""
        self._worker = worker
        self.leases.begin(self.hear, recover)
        await self._look_at_leases(worker)

    async def leave(self) -> None:
        """Give others the work. What is under way is finished first."""
        self._leaving = True
        self._stir()
        while self._playing:
            await asyncio.wait(set(self._playing))
            await asyncio.sleep(0)
        await self.leases.release()

    async def _look_at_leases(self, worker: Worker) -> None:
        held: set[str] = set()
        while True:
            before, held = held, set(self.leases.held())
            if held != before:
                worker.look()
            self._stir()
            await self.leases.changed()

    def hear(self, said: str) -> None:
        """What another replica told; a newer one may say what this one does not know."""
        word, _, which = said.partition(" ")
        if word == _WORK and which.isdecimal() and self._worker:
            self._worker.wake([int(which)])
        elif word == _CHANGED:
            self._wake()
        elif word in self.heard:
            self.heard[word](which)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, LostLease):
        await task


def workflow_database(url: str) -> str:
    """DBOS's own database: beside ours on SQLite, which takes one writer at a time; the same one on PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        return f"sqlite:///{path.with_name(f'{path.stem}.workflows.db')}"
    bounds = {name: value for name, value in SOCKET.items() if name not in parsed.query}
    return parsed.set(drivername="postgresql").update_query_dict(bounds).render_as_string(hide_password=False)
