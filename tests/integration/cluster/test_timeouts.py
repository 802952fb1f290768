"""A PostgreSQL that is gone without a word."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from bot.errors import StorageUnavailable
from bot.storage import bounded
from bot.storage.database import open_database
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
