"""A connection to PostgreSQL that does not wait for ever for an answer, nor for each one where nobody needs it.

While it sends ahead, it is in psycopg's pipeline mode: whoever performs a statement still waits for its answer, which
brings those of all before it, but for what is performed within :meth:`BoundedConnection.without_answer`.
https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self

from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline

ANSWER_SECONDS = 20.0
"""After so many seconds without a word from the server, a connection counts as cut. It ends a statement sooner."""


class BoundedConnection(AsyncConnection[Any]):
    """Waits ``answer_seconds`` for an answer. What hangs longer ends as an OperationalError.

    The socket is shut, and nothing is cancelled: a cancelled query is waited for, and that is what hangs.
    """

    answer_seconds = ANSWER_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = _Cursor
        self.answered_at = time.monotonic()
        """When the server was last known to be there."""
        self._ahead: AsyncPipeline | None = None
        self._waits = True

    @asynccontextmanager
    async def sending_ahead(self) -> AsyncIterator[None]:
        """For a transaction, which is committed with the last of its statements, unless an error is raised."""
        async with self.pipeline() as pipeline:
            self._ahead = pipeline
            try:
                yield
                with self.without_answer():
                    await self.execute("COMMIT", prepare=False)
            finally:
                self._ahead = None

    @contextmanager
    def without_answer(self) -> Iterator[None]:
        """What is performed within this is answered with a later statement, which then raises its errors."""
        self._waits = False
        try:
            yield
        finally:
            self._waits = True

    async def catch_up(self) -> None:
        """Wait for all answers, if they are waited for."""
        if self._ahead is not None and self._waits:
            await self._ahead.sync()

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        timer = asyncio.get_running_loop().call_later(self.answer_seconds, _shut, self.pgconn.socket)
        try:
            found = await super().wait(*args, **kwargs)
        finally:
            timer.cancel()
        if not self._ahead or self._waits:
            self.answered_at = time.monotonic()
        return found


class _Cursor(AsyncCursor[Any]):
    async def execute(self, *args: Any, **kwargs: Any) -> Self:
        await super().execute(*args, **kwargs)
        await self._caught_up()
        return self

    async def executemany(self, *args: Any, **kwargs: Any) -> None:
        await super().executemany(*args, **kwargs)
        await self._caught_up()

    async def _caught_up(self) -> None:
        if isinstance(self.connection, BoundedConnection):
            await self.connection.catch_up()


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_RDWR)
