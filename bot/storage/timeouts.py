"""How long a connection to PostgreSQL waits: a server that is gone without a word must hold up nobody for minutes."""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy.engine import URL

ANSWER_SECONDS = 20.0
"""After so many seconds without a word from the server, a connection counts as cut. It ends a statement sooner."""
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
_SERVER = "-c statement_timeout=15s -c idle_in_transaction_session_timeout=60s"


class BoundedConnection(AsyncConnection[Any]):
    """Waits ``answer_seconds`` for an answer. What hangs longer ends as an OperationalError.

    The socket is shut, and nothing is cancelled: a cancelled query is waited for, and that is what hangs.
    """

    answer_seconds = ANSWER_SECONDS

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        timer = asyncio.get_running_loop().call_later(self.answer_seconds, _shut, self.pgconn.socket)
        try:
            return await super().wait(*args, **kwargs)
        finally:
            timer.cancel()


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_RDWR)


def with_timeouts(url: URL) -> URL:
    """The address with bounds for every wait; bounds of its own go first."""
    known = {"options": _SERVER, **SOCKET}
    return url.update_query_dict({name: value for name, value in known.items() if name not in url.query})


def connector(mark: int) -> Any:
    """Makes connections that bear a mark: a lock that they share, and hold until they end."""

    async def connect(*args: Any, **kwargs: Any) -> BoundedConnection:
        connection = await BoundedConnection.connect(*args, **kwargs)
        await connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (MARKS, mark))
        await connection.commit()
        return connection

    return connect
