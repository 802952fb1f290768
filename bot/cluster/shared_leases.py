"""Leases on PostgreSQL, as the rest of a replica sees them: those its session holds while its heartbeat is fresh."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from importlib.metadata import version

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.cluster.lease_session import NOTHING, Held, Hooks, Identity, LeaseSession
from bot.cluster.leases import ROLES, partition_lease, role_lease
from bot.errors import LostLease, StorageUnavailable
from bot.observability.metrics import PARTITIONS_HELD
from bot.storage.database import Database, table_of
from bot.storage.tables.leases import ReplicaRow
from bot.storage.timeouts import with_timeouts

JOIN_SECONDS = 30.0
HANDOVER_SECONDS = 3.0
_LOOK = 0.25
_HEARTBEAT_OF_LOOP = 0.5

_CHECK = text("SELECT true FROM lease WHERE name = :name AND epoch = :epoch AND incarnation = :incarnation FOR SHARE")

log = structlog.get_logger(__name__)


def _ignore(_message: str) -> None:
    """Nobody here listens to the others before the work begins."""


class SharedLeases:
    """See :class:`bot.cluster.leases.Leases`."""

    def __init__(self, database: Database, replica: str, partitions: int) -> None:
        self.replica = replica
        self._receive: Callable[[str], None] = _ignore
        self._recover: Callable[[str], Awaitable[None]] | None = None
        self._database = database
        self._held = NOTHING
        self._changed = asyncio.Event()
        self._seen = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._session_loop = asyncio.new_event_loop()
        _, address = database.engine.dialect.create_connect_args(with_timeouts(database.address))
        self._session = LeaseSession(
            address,
            Identity(replica, database.mark, version("tandem-chatops")),
            [partition_lease(one) for one in range(partitions)],
            [role_lease(role) for role in ROLES],
            Hooks(self._publish, self._deliver, self._begin_recovery, lambda: self._seen),
        )
        self._thread = threading.Thread(target=self._run_session, name="leases", daemon=True)
        self._watching: asyncio.TimerHandle | None = None

    def epoch(self, name: str) -> int | None:
        held = self._held
        return held.epochs.get(name) if time.monotonic() < held.until else None

    def holds(self, name: str) -> bool:
        return self.epoch(name) is not None

    def held(self) -> Collection[str]:
        held = self._held
        return list(held.epochs) if time.monotonic() < held.until else []

    async def check(self, connection: AsyncConnection, name: str) -> None:
        held = self._held
        values = {"name": name, "epoch": self.epoch(name), "incarnation": held.incarnation}
        if values["epoch"] is None or not await connection.scalar(_CHECK, values):
            raise LostLease(f"{name} is not ours any more")

    def fenced(self, database: Database, name: str) -> Database:
        return database.fenced(partial(self.check, name=name))

    async def changed(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):  # nobody signals that the leases have run out
                await self._changed.wait()

    async def members(self) -> Collection[str]:
        async with self._database.read() as connection:
            return set(await connection.scalars(select(table_of(ReplicaRow).c.id)))

    def broadcast(self, message: str) -> None:
        self._in_session(self._session.broadcast, message)

    async def start(self) -> None:
        """Return when this replica is a member. Raises StorageUnavailable."""
        self._thread.start()
        self._show_life()
        deadline = time.monotonic() + JOIN_SECONDS
        while self._held.until == 0.0:
            if time.monotonic() > deadline:
                await self.stop()
                raise StorageUnavailable(f"{self.replica} could not join the other replicas: see the log")
            await self.changed()

    def begin(self, receive: Callable[[str], None], recover: Callable[[str], Awaitable[None]]) -> None:
        self._receive, self._recover = receive, recover
        self._in_session(self._session.begin)

    async def release(self) -> None:
        self._in_session(self._session.release)
        with suppress(TimeoutError):
            async with asyncio.timeout(HANDOVER_SECONDS):
                while self.held() and not self._session.alone:
                    await self.changed()

    async def stop(self) -> None:
        self._in_session(self._session.leave)
        await asyncio.to_thread(self._thread.join, HANDOVER_SECONDS)
        if self._watching:
            self._watching.cancel()

    def _in_session(self, call: Callable[..., None], *values: str) -> None:
        with suppress(RuntimeError):  # it has ended
            self._session_loop.call_soon_threadsafe(call, *values)

    def _run_session(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._session_loop) as runner:
            runner.run(self._session.run())

    def _show_life(self) -> None:
        self._seen = time.monotonic()
        self._watching = self._loop.call_later(_HEARTBEAT_OF_LOOP, self._show_life)

    def _publish(self, held: Held) -> None:
        """In the session's thread. Readers see the old or the new value, whole."""
        before, self._held = self._held, held
        if before.epochs != held.epochs or before.until == 0.0:
            PARTITIONS_HELD.set(sum(name.startswith("partition:") for name in held.epochs))
            self._call_main(self._signal_change)

    def _signal_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _deliver(self, message: str) -> None:
        self._call_main(self._receive, message)

    def _begin_recovery(self, replica: str) -> "Future[None]":
        async def recover() -> None:
            assert self._recover is not None  # nothing is recovered before the work begins
            await self._recover(replica)

        return asyncio.run_coroutine_threadsafe(recover(), self._loop)

    def _call_main(self, call: Callable[..., None], *values: str) -> None:
        with suppress(RuntimeError):  # the main loop has ended
            self._loop.call_soon_threadsafe(call, *values)
