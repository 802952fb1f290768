"""A transaction that does not wait for each answer of PostgreSQL is as whole as one that does, and fails as plainly."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from bot.errors import Collision, StorageUnavailable
from bot.storage.ahead import without_answer
from bot.storage.database import Database, open_database, table_of, upsert
from bot.storage.prepared import write_rows
from bot.storage.tables.core import CounterRow
from bot.storage.timeouts import FRESH
from tests.acceptance.harness import until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
COUNTER = table_of(CounterRow)


async def counters(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {name: value for name, value in await connection.execute(select(COUNTER.c.name, COUNTER.c.value))}


def checked_out(database: Database) -> int:
    return int(database.engine.sync_engine.pool.checkedout())  # type: ignore[attr-defined]


async def test_what_is_read_and_counted_within_is_right_and_all_is_there_afterwards(database: Database) -> None:
    async with database.write(ahead=True) as connection:
        await upsert(connection, COUNTER, [{"name": "a", "value": 1}, {"name": "b", "value": 2}])
        assert await connection.scalar(select(COUNTER.c.value).where(COUNTER.c.name == "b")) == 2
        await upsert(connection, COUNTER, [{"name": "c", "value": 3}])
        changed = await connection.execute(update(COUNTER).where(COUNTER.c.value > 1).values(value=7))
        assert changed.rowcount == 2
        await upsert(connection, COUNTER, [{"name": "d", "value": 4}])
    assert await counters(database) == {"a": 1, "b": 7, "c": 7, "d": 4}
    assert checked_out(database) == 0


async def test_a_row_that_is_refused_is_an_error_of_the_next_statement_and_nothing_is_written(
    database: Database,
) -> None:
    twice = [{"name": "a", "value": 1}, {"name": "a", "value": 2}]
    with pytest.raises(IntegrityError):
        async with database.write(ahead=True) as connection:
            await upsert(connection, COUNTER, [{"name": "z", "value": 1}])
            await write_rows(connection, insert(COUNTER), twice)
            await connection.scalar(select(COUNTER.c.value))
    assert (await counters(database), checked_out(database)) == ({}, 0)


async def test_a_row_that_is_refused_with_the_commit_is_one_too(database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with database.write(ahead=True) as connection:
            await upsert(connection, COUNTER, [{"name": "z", "value": 1}])
            await write_rows(connection, insert(COUNTER), [{"name": "a", "value": 1}, {"name": "a", "value": 2}])
    assert (await counters(database), checked_out(database)) == ({}, 0)
    async with database.write(ahead=True) as connection:
        await upsert(connection, COUNTER, [{"name": "a", "value": 1}])
    assert await counters(database) == {"a": 1}


async def test_an_error_within_leaves_nothing_and_comes_as_it_is(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write(ahead=True) as connection:
            await upsert(connection, COUNTER, [{"name": "a", "value": 1}])
            raise ZeroDivisionError
    assert (await counters(database), checked_out(database)) == ({}, 0)


@pytest.mark.parametrize("waits_for", ["an answer", "something else"])
async def test_a_transaction_that_is_cancelled_leaves_nothing(database: Database, waits_for: str) -> None:
    reached = asyncio.Event()

    async def work() -> None:
        async with database.write(ahead=True) as connection:
            await upsert(connection, COUNTER, [{"name": "a", "value": 1}])
            reached.set()
            if waits_for == "an answer":
                await connection.execute(text("SELECT pg_sleep(60)"))
            await asyncio.Event().wait()

    async def sleeps() -> bool:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'")
        async with database.read() as connection:
            return bool(await connection.scalar(query))

    task = asyncio.create_task(work())
    await reached.wait()
    if waits_for == "an answer":
        await until(sleeps, "it waits for the answer")
    task.cancel()
    async with asyncio.timeout(30):
        with suppress(asyncio.CancelledError):
            await task
    assert task.cancelled()
    assert (await counters(database), checked_out(database)) == ({}, 0)
    async with database.write(ahead=True) as connection:
        await upsert(connection, COUNTER, [{"name": "b", "value": 1}])
    assert await counters(database) == {"b": 1}


async def test_two_that_wait_for_each_other_end_as_a_collision_of_one(database: Database) -> None:
    async with database.write() as connection:
        await upsert(connection, COUNTER, [{"name": "a", "value": 0}, {"name": "b", "value": 0}])
    both = asyncio.Barrier(2)

    async def add(first: str, second: str) -> None:
        async with database.write(ahead=True) as connection:
            await connection.execute(update(COUNTER).where(COUNTER.c.name == first).values(value=COUNTER.c.value + 1))
            await both.wait()
            with without_answer(connection):
                change = update(COUNTER).where(COUNTER.c.name == second).values(value=COUNTER.c.value + 1)
                await connection.execute(change)

    async with asyncio.timeout(60):
        ended = await asyncio.gather(add("a", "b"), add("b", "a"), return_exceptions=True)
    assert [type(one) for one in ended if one is not None] == [Collision]
    assert await counters(database) == {"a": 1, "b": 1}


async def test_a_connection_that_is_gone_before_the_commit_has_not_taken_it(database: Database) -> None:
    with pytest.raises(StorageUnavailable):
        async with database.write(ahead=True) as connection:
            mine = await connection.scalar(select(func.pg_backend_pid()))
            async with database.read() as other:
                await other.execute(select(func.pg_terminate_backend(mine, 10_000)))
            await upsert(connection, COUNTER, [{"name": "a", "value": 1}])
    assert (await counters(database), checked_out(database)) == ({}, 0)


@pytest.mark.parametrize("idle", [0.0, FRESH])
async def test_a_connection_that_was_lost_while_it_was_idle_is_given_to_nobody(database: Database, idle: float) -> None:
    """One that was used just now is not asked after: of that the first transaction fails, and only it."""
    async with database.read() as connection:
        mine = await connection.scalar(select(func.pg_backend_pid()))
        driver: Any = (await connection.get_raw_connection()).driver_connection
    other = open_database(str(database.address.render_as_string(hide_password=False)))
    async with other.read() as connection:
        await connection.execute(select(func.pg_terminate_backend(mine, 10_000)))
    await other.close()
    driver.answered_at = time.monotonic() - idle
    if not idle:
        with suppress(StorageUnavailable):
            await counters(database)
    assert await counters(database) == {}
    assert checked_out(database) == 0
