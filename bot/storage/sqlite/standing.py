"""A connection to SQLite that stays open, for statements that are a transaction each."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


class Standing:
    """Opened with the first statement, and made ready by ``prepare``.

    It has a thread of its own, for it waits for the disk: those of the loop may all be busy for long, with databases
    and names that nobody answers for. One statement comes after another, also after one whose task was cancelled.
    """

    def __init__(self, path: str, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-standing")

    async def execute(self, statement: str, values: Sequence[object]) -> None:
        """Raises sqlite3.Error."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._execute, statement, values)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _execute(self, statement: str, values: Sequence[object]) -> None:
        if self._connection is None:
            connection = sqlite3.connect(self._path, check_same_thread=False)
            self._prepare(connection)
            self._connection = connection
        self._connection.execute(statement, values)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
