"""Statements on SQLite: each is one trip to its connection's thread, and leaves what SQLAlchemy wants to know of it."""

import asyncio
import sqlite3
import threading
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bot.errors import StorageUnavailable
from bot.storage.database import Database

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def table(database: Database) -> Database:
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT)"))
    return database


async def test_a_transaction_makes_one_trip_for_each_statement_and_its_commit(
    table: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = []
    execute: Any = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, *args: object) -> object:
        trips.append(args)
        return await execute(self, *args)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    async with table.write() as connection:
        await connection.execute(text("INSERT INTO t VALUES (1, 'a')"))
        assert (await connection.execute(text("SELECT y FROM t"))).all() == [("a",)]
    assert len(trips) == 3
    async with table.write():
        pass
    assert len(trips) == 3


async def test_counts_and_returned_rows_are_known_after_the_trip(table: Database) -> None:
    async with table.write() as connection:
        rows = [{"x": x, "y": "a"} for x in range(3)]
        await connection.execute(text("INSERT INTO t VALUES (:x, :y)"), rows)
        changed = await connection.execute(text("UPDATE t SET y = 'b' WHERE x > 0"))
        assert changed.rowcount == 2
        returned = await connection.execute(text("DELETE FROM t WHERE y = 'b' RETURNING x"))
        assert sorted(returned.scalars()) == [1, 2]
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 1


async def test_what_was_cancelled_while_its_transaction_began_leaves_none_open(table: Database) -> None:
    """The statement is under way in the thread: whether it has opened a transaction is not known yet."""
    going_on = threading.Event()

    async def holding() -> None:
        async with table.write() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.create_function("wait_for_it", 0, lambda: going_on.wait(20))
            await connection.execute(text("INSERT INTO t SELECT 7, wait_for_it()"))

    task = asyncio.create_task(holding())
    async with asyncio.timeout(20):
        while not table._lock.locked():  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    task.cancel()
    asyncio.get_running_loop().call_later(0.2, going_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    async with table.write() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0


async def test_a_statement_that_the_database_refuses_is_an_outage_as_before(table: Database) -> None:
    with pytest.raises(StorageUnavailable, match="no such table"):
        async with table.read() as connection:
            await connection.execute(text("SELECT * FROM nowhere"))


async def test_a_transaction_that_writes_has_the_lock_from_its_first_statement_on_also_where_that_reads(
    table: Database,
) -> None:
    with sqlite3.connect(str(table.engine.url.database), timeout=0, isolation_level=None) as other:
        async with table.write() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO t VALUES (1, 'a')")
        other.execute("INSERT INTO t VALUES (1, 'a')")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked"):
            async with table.write() as connection:
                await connection.execute(text("DELETE FROM t"))
        other.execute("ROLLBACK")
    async with table.write() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 1


async def test_rows_that_come_a_page_at_a_time_are_of_one_moment(table: Database) -> None:
    async with table.write() as connection:
        await connection.execute(text("INSERT INTO t VALUES (:x, 'a')"), [{"x": x} for x in range(4)])
    seen = []
    async with table.read() as connection:
        pages = await connection.stream(text("SELECT x FROM t ORDER BY x").execution_options(yield_per=1))
        async for (x,) in pages:
            seen.append(x)
            if x == 0:
                async with table.write() as another:
                    await another.execute(text("DELETE FROM t"))
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 4
    assert seen == [0, 1, 2, 3]


async def test_a_transaction_is_undone_whole_where_it_ends_in_its_first_statement_or_later(table: Database) -> None:
    with pytest.raises(IntegrityError):
        async with table.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES (:x, 'a')"), [{"x": 1}, {"x": 1}])
    with pytest.raises(ZeroDivisionError):
        async with table.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES (2, 'b')"))
            raise ZeroDivisionError
    async with table.write() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
