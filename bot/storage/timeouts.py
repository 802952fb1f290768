"""How long a connection to PostgreSQL waits: a server that is gone without a word must hold up nobody for minutes."""

from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

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
_SERVER = "-c statement_timeout=15s -c idle_in_transaction_session_timeout=60s"


def with_timeouts(url: URL) -> URL:
    """The address with bounds for every wait; bounds of its own go first."""
    known = {"options": _SERVER, **SOCKET}
    return url.update_query_dict({name: value for name, value in known.items() if name not in url.query})


def connector(mark: int) -> Any:
    """Makes connections that bear a mark: a lock that they share, and hold until they end."""
    from bot.storage.bounded import BoundedConnection  # brings psycopg: for whom the database is PostgreSQL

    async def connect(*args: Any, **kwargs: Any) -> "BoundedConnection":
        connection = await BoundedConnection.connect(*args, **kwargs)
        await connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (MARKS, mark))
        await connection.commit()
        return connection

    return connect
