"""Lease session: the database session that holds a replica's leases; they end with it.

It has a thread and a loop of its own, so that no long batch delays a heartbeat. It beats twice a second, looks who
else lives, gives back what is above its fair share and takes what is free. Whoever is silent for three seconds is cut
off from the database by the others; what it held is free then.
"""

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg
import structlog

from bot.cluster import lease_queries as queries
from bot.cluster.lease_queries import Member
from bot.cluster.leases import lock_of, lock_of_replica, role_lease
from bot.observability.metrics import TAKEOVERS
from bot.storage.bounded import BoundedConnection

BEAT = 0.5
VALID_FOR = 2.5
"""Seconds for which leases are believed in after a heartbeat. Less than what the others wait for."""
STALLED_AFTER = 3.0
LATE = 2 * BEAT + 0.5
"""Who was late itself by so much judges nobody: perhaps the database was slow to everybody."""
HURRY = 0.05
RETRY = 0.25
MEMBERS_CHANGED = "fleet"
"""A message of whoever joined, left or gave something back: everybody looks at once."""
LOOP_STALLED_AFTER = 30.0
"""A main loop that stood still for so long does no work: its leases go to others."""

log = structlog.get_logger(__name__)


class Identity(NamedTuple):
    replica: str
    mark: int
    version: str


class Held(NamedTuple):
    """Leases with their epochs, believed in until a moment of the monotonic clock."""

    incarnation: str
    epochs: Mapping[str, int]
    until: float


NOTHING = Held("", {}, 0.0)


class Hooks(NamedTuple):
    """What the session calls, from its own thread. ``recover`` begins to take over what a dead replica left."""

    publish: Callable[[Held], None]
    receive: Callable[[str], None]
    recover: Callable[[str], Future[None]]
    loop_seen: Callable[[], float]


class LostSession(Exception):
    """The leases are gone: the session has to begin anew."""


class _LeaseConnection(BoundedConnection):
    answer_seconds = 2.0


class LeaseSession:
    """``address`` is how to connect; ``partitions`` and ``roles`` are the names of all leases that there are."""

    def __init__(
        self, address: Mapping[str, Any], me: Identity, partitions: Sequence[str], roles: Sequence[str], hooks: Hooks
    ) -> None:
        self._address, self._me, self._hooks = address, me, hooks
        self._partitions, self._roles = partitions, roles
        self._incarnation = ""
        self._epochs: dict[str, int] = {}
        self._recovering: dict[str, Future[None]] = {}
        self._joined_at = self._beaten_at = 0.0
        self.alone = True
        self._outgoing: set[str] = set()
        self._woken = asyncio.Event()
        self._working = self._leaving = self._looks_now = False

    def broadcast(self, message: str) -> None:
        """From the session's own loop, like :meth:`release` and :meth:`leave`."""
        if not self.alone:
            self._outgoing.add(message)
            self._woken.set()

    def begin(self) -> None:
        """Take a share of the work."""
        self._working = True
        self._look_now()

    def release(self) -> None:
        """Give back everything and take nothing more, if there are others."""
        self._working = self.alone
        self._look_now()

    def leave(self) -> None:
        self._leaving = True
        self._look_now()

    def _look_now(self) -> None:
        self._looks_now = True
        self._woken.set()

    async def run(self) -> None:
        """Hold leases until :meth:`leave`; a session that is lost is followed by another."""
        logged = ""
        while not self._leaving:
            try:
                await self._hold_session()
            except (psycopg.Error, OSError, LostSession) as error:
                if logged != (logged := str(error).strip()):
                    log.warning("leases.session_lost", replica=self._me.replica, reason=logged)
                await asyncio.sleep(RETRY)
            except Exception as error:
                log.error("leases.session_failed", replica=self._me.replica, exc_info=error)
                await asyncio.sleep(STALLED_AFTER)

    async def _hold_session(self) -> None:
        self._check_main_loop()  # or it would join again and again, and never be found dead
        connection = await _LeaseConnection.connect(**self._address, autocommit=True)
        try:
            await self._join(connection)
            while not self._leaving:
                await self._rest(connection, await self._beat(connection))
            await queries.leave(connection, self._me.replica)
            await queries.notify(connection, [MEMBERS_CHANGED])
        finally:
            self._epochs = {}
            self._hooks.publish(NOTHING)
            self._forget_recoveries()
            with suppress(psycopg.Error, OSError):
                await connection.close()

    def _check_main_loop(self) -> None:
        if time.monotonic() - self._hooks.loop_seen() > LOOP_STALLED_AFTER:
            raise LostSession("the main loop stands still")

    async def _join(self, connection: psycopg.AsyncConnection[Any]) -> None:
        me = self._me
        await queries.prepare(connection, me.mark, [*self._partitions, *self._roles])
        if not await queries.lock(connection, lock_of_replica(me.replica)):
            raise LostSession(f"{me.replica} lives elsewhere, or is just being buried")
        fresh = secrets.token_hex(8)
        before, self._incarnation = (
            self._incarnation,
            await queries.join(connection, me.replica, self._incarnation, fresh, me.mark, me.version),
        )
        self._joined_at = self._beaten_at = time.monotonic()
        await queries.notify(connection, [MEMBERS_CHANGED])
        log.info("leases.joined", replica=me.replica, anew=before != self._incarnation)

    async def _beat(self, connection: psycopg.AsyncConnection[Any]) -> float:
        """One heartbeat and what it shows to be done; returns for how many seconds to rest then."""
        now = time.monotonic()
        late = now - self._beaten_at > LATE
        self._check_main_loop()
        if not await queries.beat(connection, self._me.replica, self._incarnation):
            raise LostSession("this replica was declared dead")
        self._beaten_at = now
        self._publish()
        others = await self._others(connection)
        live = [one for one in others if one.connected and one.silent_for < STALLED_AFTER]
        self.alone = not any(one.works for one in live)
        stalled = [] if late else [one for one in others if one.connected and one not in live]
        for one in stalled:
            log.warning("leases.cut_off", replica=one.id, silent_for=round(one.silent_for, 1))
            await queries.cut(connection, one.mark)
        sharers = sum(one.works for one in live) + 1
        gave = await self._give_back(connection, sharers)
        waits = await self._take(connection, sharers)
        await self._bury(connection, [one for one in others if not one.connected])
        if gave:
            await queries.notify(connection, [MEMBERS_CHANGED])
        return HURRY if stalled or waits else BEAT

    async def _others(self, connection: psycopg.AsyncConnection[Any]) -> list[Member]:
        """The other members; they see whether this one takes a share."""
        found = await queries.members(connection)
        if any(one.id == self._me.replica and one.works is not self._working for one in found):
            await queries.record_working(connection, self._me.replica, self._working)
            await queries.notify(connection, [MEMBERS_CHANGED])
        return [one for one in found if one.id != self._me.replica]

    async def _give_back(self, connection: psycopg.AsyncConnection[Any], sharers: int) -> bool:
        """What is above the share: first nobody here believes in it any more, then others may take it.

        A transaction that is under way holds on to the row of its lease, and who takes it waits for that.
        """
        mine = [name for name in self._partitions if name in self._epochs]
        surplus = mine[self._share(sharers) :] if self._working else list(self._epochs)
        if not surplus:
            return False
        for name in surplus:
            del self._epochs[name]
        self._publish()
        await queries.unlock(connection, map(lock_of, surplus))
        log.info("leases.given_back", replica=self._me.replica, leases=surplus)
        return True

    async def _take(self, connection: psycopg.AsyncConnection[Any], sharers: int) -> bool:
        """Take what is free, up to the share; says whether there is more to take in a moment."""
        if not self._working:
            return False
        mine = sum(name in self._epochs for name in self._partitions)
        partitions = [name for name in self._partitions if name not in self._epochs]
        locked = []
        if partitions and mine < self._share(sharers):
            locked += await queries.lock_some(connection, partitions, self._share(sharers) - mine)
        roles = [name for name in self._roles if name not in self._epochs]
        if roles:
            locked += await queries.lock_some(connection, roles, len(roles))
        if not locked:
            return False
        taken = await queries.take(connection, locked, self._me.replica, self._incarnation)
        busy = [name for name in locked if name not in taken]
        if busy:
            await queries.unlock(connection, map(lock_of, busy))
        self._epochs |= taken
        self._publish()
        TAKEOVERS.inc(sum(epoch > 1 for epoch in taken.values()))
        log.info("leases.taken", replica=self._me.replica, leases=sorted(taken), busy=busy)
        return bool(busy)

    def _share(self, sharers: int) -> int:
        return math.ceil(len(self._partitions) / sharers)

    async def _bury(self, connection: psycopg.AsyncConnection[Any], dead: Sequence[Member]) -> None:
        """Take over what dead replicas left, once for each, under the lock of the dead."""
        settled = time.monotonic() - self._joined_at > STALLED_AFTER  # or those that are just coming back were dead
        for one in dead if settled and self._working and role_lease("remediation") in self._epochs else ():
            if one.silent_for < STALLED_AFTER or one.id in self._recovering:
                continue
            if await queries.lock(connection, lock_of_replica(one.id)):
                await queries.declare_dead(connection, one.id)
                self._recovering[one.id] = self._hooks.recover(one.id)
        for replica in [replica for replica, work in self._recovering.items() if work.done()]:
            await self._end_recovery(connection, replica, self._recovering.pop(replica))

    async def _end_recovery(self, connection: psycopg.AsyncConnection[Any], replica: str, work: "Future[None]") -> None:
        if error := work.exception():
            log.error("leases.not_recovered", replica=replica, exc_info=error)
        else:
            await queries.bury(connection, replica)
            log.info("leases.buried", replica=replica)
        await queries.unlock(connection, [lock_of_replica(replica)])

    def _forget_recoveries(self) -> None:
        """Whoever holds the role next begins anew with them."""
        for work in self._recovering.values():
            work.cancel()
        self._recovering.clear()

    def _publish(self) -> None:
        self._hooks.publish(Held(self._incarnation, dict(self._epochs), self._beaten_at + VALID_FOR))

    async def _rest(self, connection: psycopg.AsyncConnection[Any], seconds: float) -> None:
        """Send and receive messages until the next heartbeat, or until a replica comes or goes."""
        until = time.monotonic() + seconds
        self._woken.clear()
        while not self._looks_now and (left := until - time.monotonic()) > 0:
            if self._outgoing:
                messages, self._outgoing = self._outgoing, set()
                await queries.notify(connection, messages)
                await asyncio.sleep(HURRY)  # what is broadcast meanwhile goes together
                continue
            await self._receive_or_wake(connection, left)
        self._looks_now = False

    async def _receive_or_wake(self, connection: psycopg.AsyncConnection[Any], seconds: float) -> None:
        receiving = asyncio.ensure_future(self._receive(connection, seconds))
        woken = asyncio.ensure_future(self._woken.wait())
        await asyncio.wait({receiving, woken}, return_when=asyncio.FIRST_COMPLETED)
        self._woken.clear()
        woken.cancel()
        receiving.cancel()  # does nothing where it is done
        with suppress(asyncio.CancelledError):
            await receiving

    async def _receive(self, connection: psycopg.AsyncConnection[Any], seconds: float) -> None:
        async for notification in connection.notifies(timeout=seconds, stop_after=1):
            if notification.pid == connection.info.backend_pid:
                continue
            if notification.payload == MEMBERS_CHANGED:
                self._looks_now = True
            else:
                self._hooks.receive(notification.payload)
