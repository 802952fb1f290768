"""A write that is cancelled leaves neither its rows nor the write lock behind."""

import asyncio
from pathlib import Path

from sqlalchemy import text

from bot.storage.database import Database, open_database

ROUNDS = 80


async def test_after_a_write_that_was_cancelled_at_any_moment_the_next_has_the_lock_at_once(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/t.db")
    try:
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE kept (i INTEGER)"))
        cancellations: list[BaseException | None] = []  # their tracebacks hold what was in use
        for moment in range(ROUNDS):
            work = asyncio.create_task(_write_much(database))
            await asyncio.sleep(moment * 0.0002)
            work.cancel()
            cancellations += await asyncio.gather(work, return_exceptions=True)
            async with database.write() as connection:  # StorageUnavailable where the lock is still held
                await connection.execute(text("INSERT INTO kept VALUES (-1)"))
        assert sum(isinstance(one, asyncio.CancelledError) for one in cancellations) > ROUNDS / 2
        async with database.read() as connection:
            rows = (await connection.execute(text("SELECT i, count(*) FROM kept GROUP BY i"))).all()
        assert {tuple(row) for row in rows if row[0] == -1} == {(-1, ROUNDS)}
        assert len({count for i, count in rows if i != -1}) <= 1, "each transaction whole or not at all"
    finally:
        await database.close()


async def _write_much(database: Database) -> None:
    async with database.write() as connection:
        for i in range(30):  # longer than the last moment of a cancellation
            await connection.execute(text("INSERT INTO kept VALUES (:i)"), [{"i": i}] * 200)
            (await connection.execute(text("SELECT i FROM kept LIMIT 500"))).all()
