"""A connection to PostgreSQL that does not wait for ever for an answer."""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection

ANSWER_SECONDS = 20.0
"""After so many seconds without a word from the server, a connection counts as cut. It ends a statement sooner."""


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
