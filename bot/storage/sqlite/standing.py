"""A connection to SQLite that stays open, for statements that are a transaction each."""

import sqlite3
from collections.abc import Callable, Sequence


class Standing:
    """Opened with the first statement, and made ready by ``prepare``. Whoever uses it takes care that one does at a
    time; what it does is done in a thread, for it waits for the disk."""

    def __init__(self, path: str, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None

    def execute(self, statement: str, values: Sequence[object]) -> None:
        """Raises sqlite3.Error."""
        if self._connection is None:
            connection = sqlite3.connect(self._path, check_same_thread=False)
            self._prepare(connection)
            self._connection = connection
        self._connection.execute(statement, values)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
