"""Replicas on one PostgreSQL: who holds what, what happens when one is silent, and what is refused to it then."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import insert, select

from bot.cluster import lease_session
from bot.cluster.leases import ROLES, partition_lease, role_lease
from bot.cluster.shared_leases import SharedLeases
from bot.errors import LostLease
from bot.storage.database import Database, open_database, table_of
from bot.storage.tables.core import CounterRow
from tests.acceptance.harness import until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
PARTITIONS = 6
COUNTER = table_of(CounterRow)


class Member:
    """A replica of a test: its database, its leases, and what it was called for."""

    def __init__(self, name: str, url: str) -> None:
        self.database = open_database(url)
        self.leases = SharedLeases(self.database, name, PARTITIONS)
        self.received: list[str] = []
        self.recovered: list[str] = []

    async def recover(self, replica: str) -> None:
        self.recovered.append(replica)

    def partitions(self) -> list[str]:
        return [name for name in self.leases.held() if name.startswith("partition:")]

    @asynccontextmanager
    async def stalled(self) -> AsyncIterator[None]:
        """Its lease session does nothing meanwhile, like that of a process that is stopped."""
        wakes = threading.Event()
        self.leases._in_session(wakes.wait)  # type: ignore[arg-type]
        try:
            yield
        finally:
            wakes.set()


Join = Callable[[str], Awaitable[Member]]


@pytest.fixture
async def join(database_url: str) -> AsyncIterator[Join]:
    members: list[Member] = []

    async def make(name: str) -> Member:
        member = Member(name, database_url)
        members.append(member)
        await member.leases.start()
        member.leases.begin(member.received.append, member.recover)
        return member

    yield make
    for member in members:
        await member.leases.stop()
        await member.database.close()


async def holding(member: Member, partitions: int, seconds: float = 5) -> None:
    async def holds() -> bool:
        return len(member.partitions()) == partitions

    await until(holds, f"{member.leases.replica} holds {partitions} partitions", seconds)


async def two(join: Join) -> tuple[Member, Member]:
    """Two that share everything; the roles are with the first."""
    a = await join("a")
    await holding(a, 6)
    b = await join("b")
    await holding(b, 3)
    return a, b


async def test_partitions_are_shared_fairly_and_handed_over_as_replicas_come_and_go(join: Join) -> None:
    a = await join("a")
    await holding(a, 6)
    assert all(a.leases.holds(role_lease(role)) for role in ROLES)
    b = await join("b")
    await holding(b, 3)
    await holding(a, 3)
    c = await join("c")
    for member in (a, b, c):
        await holding(member, 2)
    assert sorted(a.partitions() + b.partitions() + c.partitions()) == [partition_lease(i) for i in range(6)]
    began = time.monotonic()
    await a.leases.release()
    assert not a.leases.held()
    await holding(b, 3)
    await holding(c, 3)
    assert time.monotonic() - began < 2
    assert all(b.leases.holds(role_lease(role)) or c.leases.holds(role_lease(role)) for role in ROLES)


async def test_the_last_replica_keeps_its_leases_until_it_is_gone(join: Join) -> None:
    a = await join("a")
    await holding(a, 6)
    await a.leases.release()
    assert len(a.partitions()) == 6


async def test_a_stalled_replica_believes_in_nothing_and_is_replaced_and_comes_back(join: Join) -> None:
    a, b = await two(join)
    name = a.partitions()[0]
    began = time.monotonic()
    async with a.stalled():
        await holding(b, 6)
        assert time.monotonic() - began < 5
        assert not a.leases.held()
        with pytest.raises(LostLease):
            async with a.database.write() as connection:
                await a.leases.check(connection, name)
    await holding(a, 3)
    await holding(b, 3)


async def test_who_takes_a_lease_waits_for_the_transaction_of_the_one_before(join: Join) -> None:
    a, b = await two(join)
    name = a.partitions()[0]
    async with a.database.write() as connection:
        await a.leases.check(connection, name)
        await a.leases.release()
        await holding(b, 5)
        await asyncio.sleep(0.3)
        assert not b.leases.holds(name)
        await connection.execute(insert(COUNTER).values(name="written in time", value=1))
    await holding(b, 6)
    async with b.database.read() as connection:
        assert await connection.scalar(select(COUNTER.c.value).where(COUNTER.c.name == "written in time")) == 1


async def test_a_transaction_of_a_stalled_replica_is_undone_and_holds_up_nobody(join: Join) -> None:
    a, b = await two(join)
    name = a.partitions()[0]
    with pytest.raises(Exception, match=r"terminat|closed"):
        async with a.stalled(), a.database.write() as connection:
            await a.leases.check(connection, name)
            await connection.execute(insert(COUNTER).values(name="too late", value=1))
            await holding(b, 6)
    async with b.database.read() as connection:
        assert await connection.scalar(select(COUNTER.c.value).where(COUNTER.c.name == "too late")) is None


async def test_a_write_under_a_lost_role_is_refused(join: Join) -> None:
    a, b = await two(join)
    fenced = a.leases.fenced(a.database, role_lease("notifier"))
    await write_one(fenced, "while it was held")
    await a.leases.release()
    with pytest.raises(LostLease):
        await write_one(fenced, "afterwards")
    async with b.database.read() as connection:
        written = set(await connection.scalars(select(COUNTER.c.name)))
    assert "while it was held" in written
    assert "afterwards" not in written


async def write_one(database: Database, name: str) -> None:
    async with database.write() as connection:
        await connection.execute(insert(COUNTER).values(name=name, value=1))


async def test_what_a_replica_left_is_taken_over_once_and_then_it_is_forgotten(join: Join) -> None:
    a, b, c = await join("a"), await join("b"), await join("c")
    await holding(c, 2)
    await a.leases.release()
    await a.leases.stop()

    async def forgotten() -> bool:
        return "a" not in await b.leases.members()

    await until(forgotten, "a is forgotten", 8)
    await asyncio.sleep(1)
    assert (b.recovered + c.recovered).count("a") == 1
    assert {"b", "c"} <= set(await b.leases.members())


async def test_a_message_reaches_the_other_replicas_at_once(join: Join) -> None:
    a, b = await join("a"), await join("b")
    await holding(a, 3)
    a.leases.broadcast("work 3")

    async def arrived() -> bool:
        return b.received == ["work 3"]

    await until(arrived, "b receives it", 1)
    assert a.received == []


async def test_a_replica_whose_main_loop_stands_still_is_replaced_like_a_dead_one_and_comes_back(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_session, "LOOP_STALLED_AFTER", 1.0)
    a, b = await two(join)
    assert a.leases._watching is not None
    a.leases._watching.cancel()  # nothing of the loop is seen any more
    await holding(b, 6)
    assert not a.leases.held()

    async def recovered() -> bool:
        return "a" in b.recovered  # and perhaps one that another test left

    await until(recovered, "what it carried out is taken over")
    a.leases._show_life()
    await holding(a, 3)
