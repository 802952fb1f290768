"""A statement of SQLite in one trip to its connection's thread, and a transaction begun in that of its first statement.

The driver that SQLAlchemy has for asyncio makes four: for a cursor, the statement, its rows, and the cursor's end. Each
is two changes of thread, and they cost more than most of our statements. https://aiosqlite.omnilib.dev
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_cursor
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import await_only


class Done(NamedTuple):
    """What a statement has left when its cursor is closed."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int = 0
    rows: Sequence[Any] = ()


class Cursor(AsyncAdapt_aiosqlite_cursor):
    """There is a cursor of SQLite's only while the statement is performed."""

    __slots__ = ("_done",)
    _adapt_connection: "Connection"

    def __init__(self, adapt_connection: "Connection") -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._rows = deque()
        self._done = Done()

    @property
    def description(self) -> Any:
        return self._done.description

    @property
    def rowcount(self) -> int:
        return self._done.rowcount

    @property
    def lastrowid(self) -> int:
        return self._done.lastrowid

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        return await self._perform(execute, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        return await self._perform(execute_many, operation, seq_of_parameters)

    async def _perform(self, perform: Callable[[Any, str, Any], Done], operation: str, parameters: Any) -> None:
        async with self._adapt_connection._execute_mutex:
            self._done = await self._adapt_connection.trip(perform, operation, parameters)
        self._rows = deque(self._done.rows)

    async def _async_soft_close(self) -> None:
        """It is closed."""

    def close(self) -> None:
        self._rows.clear()


class Connection(AsyncAdapt_aiosqlite_connection):
    """Makes no trip for a rollback where no transaction is open, which is after each commit; nor to begin one, which is
    done before the first statement, on the same trip."""

    _cursor_cls = Cursor  # type: ignore[assignment]
    _in_doubt = False
    _to_begin = ""

    def begin(self, operation: str) -> None:
        """From the next statement on, a transaction is open that this statement begins."""
        self._to_begin = operation

    async def trip(self, perform: Callable[[Any, str, Any], Done], operation: str, parameters: Any) -> Done:
        if self._to_begin:
            perform, self._to_begin = partial(_begun, self._to_begin, perform), ""
        try:
            return await self._connection._execute(perform, self._connection._conn, operation, parameters)  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            self._in_doubt = True  # the statement may still be under way, and open a transaction
            raise

    def cursor(self, server_side: bool = False) -> AsyncAdapt_dbapi_cursor:
        if server_side and self._to_begin:  # its statement makes trips of its own
            operation, self._to_begin = self._to_begin, ""
            await_only(self.trip(execute, operation, ()))
        return super().cursor(server_side)

    def commit(self) -> None:
        if self._to_begin:
            self._to_begin = ""
            return
        try:
            super().commit()
        except BaseException:
            self._in_doubt = True
            raise

    def rollback(self) -> None:
        self._to_begin = ""
        connection = self._connection._connection
        if connection is None or (not self._in_doubt and not connection.in_transaction):
            return
        super().rollback()
        self._in_doubt = False


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """For ``create_async_engine(module=…)``."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *args: Any, **kwargs: Any) -> Connection:
        connection: Any = aiosqlite.connect(*args, **kwargs)
        connection._thread.daemon = True
        return Connection(self, await_only(connection))


def _begun(
    begin: str,
    perform: Callable[[Any, str, Any], Done],
    connection: sqlite3.Connection,
    operation: str,
    parameters: Any,
) -> Done:
    connection.execute(begin)
    return perform(connection, operation, parameters)


def execute(
    connection: sqlite3.Connection,
    operation: str,
    parameters: Any,
    perform: Callable[[sqlite3.Cursor, str, Any], Any] = sqlite3.Cursor.execute,
) -> Done:
    with closing(connection.cursor()) as cursor:
        perform(cursor, operation, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return Done(cursor.description, cursor.rowcount, cursor.lastrowid or 0, rows)


execute_many = partial(execute, perform=sqlite3.Cursor.executemany)
