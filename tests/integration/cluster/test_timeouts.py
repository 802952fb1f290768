"""A PostgreSQL that is gone without a word."""

import asyncio
import gc
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from bot.errors import StorageUnavailable
from bot.storage import bounded
from bot.storage.database import open_database
from bot.storage.timeouts import MARKS
from tests.acceptance.harness import until
from tests.acceptance.tcp_proxy import TcpProxy

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def test_a_statement_without_an_answer_is_an_outage_and_the_next_one_works_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded.BoundedConnection, "answer_seconds", 0.5)
    url = make_url(database_url)
    there = Path(str(url.query["host"])) / ".s.PGSQL.5432"
    async with TcpProxy(lambda: asyncio.open_unix_connection(str(there))) as network:
        address = url.set(host="127.0.0.1", port=network.port, query={}).render_as_string(hide_password=False)
        database = open_database(address)
        async with database.write() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            async with database.write() as connection:
                network.cut()
                await connection.scalar(text("SELECT 1"))
        assert time.monotonic() - began < 5
        await network.resume()
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await database.close()


async def test_the_server_ends_a_statement_that_takes_too_long_but_no_migration(database_url: str) -> None:
    database = open_database(f"{database_url}&options=-c%20statement_timeout%3D200")
    with pytest.raises(StorageUnavailable):
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(5)"))
    await database.close()
    other = open_database(database_url)
    async with other.read() as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "15s"
    assert "statement_timeout" not in str(other.address)
    await other.close()


async def test_a_connection_whose_opening_nobody_waits_for_any_more_is_closed(database_url: str) -> None:
    """Else it stays open, with its lock, until Python looks for cycles: a hundred of them are all that a server has."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    database, other = open_database(database_url), open_database(database_url)

    async def count(which: str) -> int:
        async with other.read() as connection:
            return int(await connection.scalar(text(f"SELECT count(*) {others} {which}")) or 0)

    async def waits() -> bool:
        return bool(await count("AND wait_event_type = 'Lock'"))

    async def are_gone() -> bool:
        return not await count("")

    async def reads() -> None:
        async with database.read():
            raise AssertionError("it is not open")

    gc.disable()
    try:
        async with other.write() as connection:
            lock = text("SELECT pg_advisory_xact_lock(:of, :mark)")
            await connection.execute(lock, {"of": MARKS, "mark": database.mark})
            opening = asyncio.create_task(reads())
            await until(waits, "it is being opened")
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        await other.engine.dispose()  # of its connections one is left, which asks
        await until(are_gone, "it is closed")
    finally:
        gc.enable()
        await database.close()
        await other.close()
