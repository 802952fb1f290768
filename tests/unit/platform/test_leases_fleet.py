"""What a process does with its roles and partitions as leases come and go."""

import asyncio
from collections.abc import Collection, Iterable

import pytest

from bot.cluster.leases import ROLES, SoleLeases, lock_of, lock_of_replica, partition_lease, role_lease
from bot.cluster.membership import Fleet
from bot.errors import LostLease

ROLE = "notifier"


class HandedLeases(SoleLeases):
    """Holds what the test hands to it."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self.names = set(names)
        self.told: list[str] = []
        self.released = False
        self._changed = asyncio.Event()

    def hand(self, *names: str) -> None:
        self.names = set(names)
        self._changed.set()

    def holds(self, name: str) -> bool:
        return name in self.names

    def held(self) -> Collection[str]:
        return self.names

    def tell(self, what: str) -> None:
        self.told.append(what)

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
    fleet = Fleet(leases, lambda: None)
    tasks = [
        asyncio.create_task(fleet.play(ROLE, work.run)),
        asyncio.create_task(fleet.work(Looking(), no_recovery)),
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
    fleet = Fleet(HandedLeases([role_lease(ROLE)]), lambda: None)
    work.fails = LostLease("somebody else has it")
    playing = asyncio.create_task(fleet.play(ROLE, work.run))
    await some_turns()
    assert (work.begun, work.ended) == (2, 1)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    work.fails = ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        await fleet.play(ROLE, work.run)


async def test_who_leaves_ends_the_work_of_its_roles_before_it_gives_them_back() -> None:
    leases, work = HandedLeases([role_lease(ROLE)]), Work()
    fleet = Fleet(leases, lambda: None)
    playing = asyncio.create_task(fleet.play(ROLE, work.run))
    await some_turns()
    await fleet.leave()
    assert (work.begun, work.ended, leases.released) == (1, 1, True)
    await some_turns()
    assert work.begun == 1
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)


async def test_new_entries_wake_the_own_worker_or_are_told_to_the_others() -> None:
    leases, worker, woken = HandedLeases([partition_lease(1)]), Looking(), []
    fleet = Fleet(leases, lambda: woken.append("here"))
    working = asyncio.create_task(fleet.work(worker, no_recovery))
    await some_turns()
    assert worker.looks == 1
    fleet.appended([1, 2])
    assert (worker.woken, leases.told) == ([1], ["work 2"])
    fleet.changed()
    assert (woken, leases.told) == (["here"], ["work 2", "changed"])
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_what_others_tell_wakes_who_should_look_and_what_nobody_understands_is_passed_over() -> None:
    worker, woken = Looking(), []
    fleet = Fleet(HandedLeases(), lambda: woken.append("here"))
    asked: list[str] = []
    fleet.heard["check"] = asked.append
    working = asyncio.create_task(fleet.work(worker, no_recovery))
    await some_turns()
    for said in ("work 4", "work x", "changed", "check demand forecast", "", "of a newer version"):
        fleet.hear(said)
    assert (worker.woken, woken, asked) == ([4], ["here"], ["demand forecast"])
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


def test_no_two_leases_share_a_lock() -> None:
    names = [*map(partition_lease, range(2000)), *map(role_lease, ROLES)]
    assert len({lock_of(name) for name in names}) == len(names)
    assert lock_of_replica("a") not in {lock_of(name) for name in names}
    assert all(0 <= number < 2**31 for number in (lock_of_replica("a")[1], *(lock_of(name)[1] for name in names)))
