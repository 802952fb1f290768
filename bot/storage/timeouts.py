"""How long a connection to PostgreSQL waits: a server that is gone without a word must hold up nobody for minutes."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from bot.storage.bounded import BoundedConnection

MARKS = 0x746D
"""The class of the advisory locks that show which connections are one process's."""

# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
SOCKET = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
FRESH = 1.0
"""A connection that was answered so many seconds ago is taken to be there."""
_SERVER = "-c statement_timeout=15s -c idle_in_transaction_session_timeout=60s"


def with_timeouts(url: URL) -> URL:
    """The address with bounds for every wait; bounds of its own go first."""
    known = {"options": _SERVER, **SOCKET}
    return url.update_query_dict({name: value for name, value in known.items() if name not in url.query})


def connector(mark: int) -> Any:
    """Makes connections that bear a mark: a lock that they share, and hold until they end."""
    from bot.storage.bounded import BoundedConnection  # brings psycopg: for whom the database is PostgreSQL

    async def opened(*args: Any, **kwargs: Any) -> "BoundedConnection":
        connection = await BoundedConnection.connect(*args, **kwargs)
        try:
            await connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (MARKS, mark))
            await connection.commit()
        except BaseException:
            await connection.close()
            raise
        return connection

    async def connect(*args: Any, **kwargs: Any) -> "BoundedConnection":
        """Nobody else knows of a connection that is not open yet: where nobody waits for it any more, it is closed."""
        opening = asyncio.create_task(opened(*args, **kwargs))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise

    return connect


def _close(opening: "asyncio.Task[BoundedConnection]") -> None:
    if not opening.cancelled() and not opening.exception():
        opening.result().pgconn.finish()


def make_engine(url: URL, mark: int) -> AsyncEngine:
    engine = create_async_engine(
        with_timeouts(url),
        connect_args={"async_creator_fn": connector(mark)},
        pool_size=8,
        max_overflow=4,
        pool_timeout=10,
    )
    _ping_idle(engine.sync_engine)
    return engine


def _ping_idle(engine: Engine) -> None:
    """Let nobody be given a connection that was lost while it was idle. Each ping takes as long as a statement."""

    @event.listens_for(engine, "checkout")
    def _ping(connection: Any, _record: Any, _proxy: Any) -> None:
        if time.monotonic() - connection.driver_connection.answered_at < FRESH:
            return
        dialect: Any = engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error
