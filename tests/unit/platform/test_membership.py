"""What a process does with its roles and partitions as leases come and go."""

import asyncio
from collections.abc import Collection, Iterable

import pytest

from bot.cluster.broadcast import Broadcast
from bot.cluster.leases import ROLES, SoleLeases, lock_of, lock_of_replica, partition_lease, role_lease
from bot.cluster.membership import Membership
from bot.components.pipeline import subscribe
from bot.errors import LostLease

ROLE = "notifier"


class HandedLeases(SoleLeases):
    """Holds what the test hands to it."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self.names = set(names)
        self.sent: list[str] = []
        self.released = False
        self._changed = asyncio.Event()

    def hand(self, *names: str) -> None:
        self.names = set(names)
        self._changed.set()

    def holds(self, name: str) -> bool:
        return name in self.names

    def held(self) -> Collection[str]:
        return self.names

    def broadcast(self, message: str) -> None:
        self.sent.append(message)

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def release(self) -> None:
        self.released = True


class Work:
    """Counts how often it was begun and ended."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.fails: Exception | None = None

    async def run(self) -> None:
        self.begun += 1
        try:
            if self.fails:
                failure, self.fails = self.fails, None
                raise failure
            await asyncio.Event().wait()
        finally:
            self.ended += 1


class Looking:
    """Stands for the worker: takes note of what it is told."""

    def __init__(self) -> None:
        self.looks = 0
        self.woken: list[int] = []

    def look(self) -> None:
        self.looks += 1

    def wake(self, partitions: Iterable[int]) -> None:
        self.woken += partitions


async def no_recovery(_replica: str) -> None:
    raise AssertionError("nobody has died")


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_work_of_a_role_begins_with_its_lease_and_ends_with_it() -> None:
    leases, work = HandedLeases(), Work()
    membership = Membership(leases, Broadcast())
    tasks = [
        asyncio.create_task(membership.run_while_leader(ROLE, work.run)),
        asyncio.create_task(membership.take_share(no_recovery)),
    ]
    await some_turns()
    assert work.begun == 0
    leases.hand(role_lease(ROLE))
    await some_turns()
    assert (work.begun, work.ended) == (1, 0)
    leases.hand()
    await some_turns()
    assert (work.begun, work.ended) == (1, 1)
    leases.hand(role_lease(ROLE))
    await some_turns()
    assert (work.begun, work.ended) == (2, 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.ended == 2


async def test_work_that_finds_its_lease_lost_begins_anew_and_any_other_failure_is_told() -> None:
    work = Work()
    membership = Membership(HandedLeases([role_lease(ROLE)]), Broadcast())
    work.fails = LostLease("somebody else has it")
    leading = asyncio.create_task(membership.run_while_leader(ROLE, work.run))
    await some_turns()
    assert (work.begun, work.ended) == (2, 1)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    work.fails = ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        await membership.run_while_leader(ROLE, work.run)


async def test_a_replica_that_drains_ends_the_work_of_its_roles_before_it_gives_them_back() -> None:
    leases, work = HandedLeases([role_lease(ROLE)]), Work()
    membership = Membership(leases, Broadcast())
    leading = asyncio.create_task(membership.run_while_leader(ROLE, work.run))
    await some_turns()
    await membership.drain()
    assert (work.begun, work.ended, leases.released) == (1, 1, True)
    await some_turns()
    assert work.begun == 1
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)


async def test_new_entries_wake_the_worker_here_or_are_broadcast_to_the_replicas() -> None:
    leases, worker, woken = HandedLeases([partition_lease(1)]), Looking(), []
    broadcast = Broadcast(leases.broadcast)
    broadcast.on_change(lambda: woken.append("here"))
    subscribe(worker, broadcast)
    membership = Membership(leases, broadcast)
    working = asyncio.create_task(membership.take_share(no_recovery))
    await some_turns()
    assert worker.looks == 1
    membership.publish_work([1, 2])
    assert (worker.woken, leases.sent) == ([1], ["work 2"])
    broadcast.publish_change()
    assert (woken, leases.sent) == (["here"], ["work 2", "changed"])
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


def test_a_message_of_another_replica_wakes_whom_it_concerns_and_an_unknown_one_is_ignored() -> None:
    worker, woken = Looking(), []
    broadcast = Broadcast()
    broadcast.on_change(lambda: woken.append("here"))
    subscribe(worker, broadcast)
    checks: list[str] = []
    broadcast.subscribe("check", checks.append)
    for message in ("work 4", "work x", "changed", "check demand forecast", "", "of a newer version", "leases"):
        broadcast.receive(message)
    assert (worker.woken, woken, checks, worker.looks) == ([4], ["here"], ["demand forecast"], 0)


def test_no_two_leases_share_a_lock() -> None:
    names = [*map(partition_lease, range(2000)), *map(role_lease, ROLES)]
    assert len({lock_of(name) for name in names}) == len(names)
    assert lock_of_replica("a") not in {lock_of(name) for name in names}
    assert all(0 <= number < 2**31 for number in (lock_of_replica("a")[1], *(lock_of(name)[1] for name in names)))


async def test_a_role_whose_work_failed_does_not_keep_a_replica_from_leaving() -> None:
    leases, work = HandedLeases([role_lease(ROLE)]), Work()
    work.fails = KeyError("posted_position")
    membership = Membership(leases, Broadcast())
    with pytest.raises(KeyError):
        await membership.run_while_leader(ROLE, work.run)
    async with asyncio.timeout(5):
        await membership.drain()
    assert leases.released
