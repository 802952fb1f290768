"""A database that rows are read from: whatever SQLAlchemy reaches, and DuckDB over files."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.event import listen
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from bot.integrations.http import ToolFailure
from bot.integrations.pull.cursors import of_one_kind
from bot.integrations.pull.lake import LakeTable
from bot.integrations.pull.lenient import lenient
from bot.model_store.pulls import Value

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite+pysqlite"}
_MOST_REASON = 300


class Query(NamedTuple):
    """Rows of ``sql`` with ``after`` < ``cursor`` <= ``until``, and < ``below``, the least first, at most ``most``.

    Without a cursor all rows, in any order.
    """

    sql: str
    cursor: str = ""
    after: Value | None = None
    until: Value | None = None
    most: int | None = None
    below: Value | None = None


class Warehouse(Protocol):
    """Blocks: called in a thread. Raises ToolFailure with a reason that holds no password."""

    def rows(self, query: Query) -> pa.Table: ...

    def without_cursor(self, query: Query) -> int:
        """How many rows have no value of the cursor."""
        ...

    def session(self, query: Query) -> "AbstractContextManager[Session]":
        """Statements about the query's rows, on one state of the database where it has such."""
        ...


class Session(NamedTuple):
    """``source`` is what a statement says after FROM, with its WHERE; ``answer`` raises ToolFailure."""

    dialect: str
    source: str
    quoted: Callable[[str], str]
    answer: Callable[[str], pa.Table]


def open_warehouse(address: str, tables: Sequence[LakeTable] = ()) -> Warehouse:
    """Raises ToolFailure for an address that cannot be used. ``tables`` are for DuckDB."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # its words may hold the password
        raise ToolFailure("its address is not one such as postgresql://USER:PASSWORD@HOST/NAME") from None
    if url.get_backend_name() == "duckdb":
        return _DuckDb(url, tables)
    if tables:
        raise ToolFailure("Delta and Iceberg are read by DuckDB: let `from` name an address such as duckdb:///:memory:")
    return _Sql(url.set(drivername=_DRIVERS.get(url.drivername, url.drivername)))


def _where(query: Query, quoted: str, mark: str) -> tuple[str, dict[str, Any]]:
    """``mark`` is how a parameter is written before its name."""
    bounds = [("after", ">", query.after), ("until", "<=", query.until), ("below", "<", query.below)]
    naive = any(isinstance(value, datetime) and value.tzinfo is None for _, _, value in bounds)
    given = {name: _alike(value, naive) for name, _, value in bounds if value is not None}
    wanted = [f"{quoted} {sign} {mark}{name}" for name, sign, value in bounds if value is not None]
    return f"({query.sql}\n) AS pulled WHERE " + " AND ".join([f"{quoted} IS NOT NULL", *wanted]), given


def _alike(value: Value, naive: bool) -> Value:
    """A moment without a zone is in UTC, as are those that it is compared with."""
    if naive and isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _statement(query: Query, quoted: str, mark: str) -> tuple[str, dict[str, Any]]:
    limit = f" LIMIT {query.most}" if query.most is not None else ""
    if not query.cursor:
        return f"SELECT * FROM ({query.sql}\n) AS pulled WHERE 1 = 1{limit}", {}
    source, given = _where(query, quoted, mark)
    return f"SELECT * FROM {source} ORDER BY {quoted}{limit}", given


def _unread(query: Query, quoted: str) -> str:
    return f"SELECT COUNT(*) FROM ({query.sql}\n) AS pulled WHERE {quoted} IS NULL"


class _Sql:
    def __init__(self, url: URL) -> None:
        try:
            self._engine = create_engine(url, poolclass=NullPool)
        except (NoSuchModuleError, ImportError, SQLAlchemyError) as error:
            raise ToolFailure(f"no driver for {url.drivername}: {type(error).__name__}") from None
        listen(self._engine, "connect", lenient)

    def rows(self, query: Query) -> pa.Table:
        statement, given = _statement(query, self._quoted(query.cursor), ":")
        names, rows = self._answer(statement, given)
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
        return _table(
            names,
            [of_one_kind(c, query.after) if n == query.cursor else c for n, c in zip(names, columns, strict=True)],
        )

    def without_cursor(self, query: Query) -> int:
        _, [[count]] = self._answer(_unread(query, self._quoted(query.cursor)), {})
        return int(count)

    def _answer(self, statement: str, given: Mapping[str, Any]) -> tuple[list[str], Sequence[Any]]:
        try:
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "postgresql":  # what names no zone is UTC
                    connection.execute(text("SET TIME ZONE 'UTC'"))
                result = connection.execute(text(_plain(statement)), given)
                return list(result.keys()), result.fetchall()
        except Exception as error:  # also a driver's own, where the connection breaks while rows come
            raise ToolFailure(_reason(error)) from None

    @contextmanager
    def session(self, query: Query) -> Iterator[Session]:
        source, given = _where(query, self._quoted(query.cursor), ":")
        dialect = self._engine.dialect.name
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self._engine.connect())
                if dialect == "postgresql":
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                    connection.execute(text("SET TIME ZONE 'UTC'"))
            except Exception as error:
                raise ToolFailure(_reason(error)) from None

            def answer(statement: str) -> pa.Table:
                try:
                    result = connection.execute(text(_plain(statement)), given)
                    names, rows = list(result.keys()), result.fetchall()
                except Exception as error:
                    raise ToolFailure(_reason(error)) from None
                return _table(names, list(zip(*rows, strict=True)) if rows else [[] for _ in names])

            yield Session(dialect, source, self._quoted, answer)

    def _quoted(self, name: str) -> str:
        return self._engine.dialect.identifier_preparer.quote(name)


def _plain(statement: str) -> str:
    """Colons of the query itself are no parameters: ``'10:00'::time``."""
    begin, _, end = statement.rpartition(") AS pulled WHERE ")
    return f"{begin.replace(':', chr(92) + ':')}) AS pulled WHERE {end}"


class _DuckDb:
    def __init__(self, url: URL, tables: Sequence[LakeTable]) -> None:
        self._tables = tables
        try:
            self._duckdb = importlib.import_module("duckdb")
        except ImportError:
            raise ToolFailure("DuckDB is not installed: pip install 'tandem-chatops[duckdb]'") from None
        self._path, self._settings = url.database or ":memory:", {name: str(value) for name, value in url.query.items()}

    def rows(self, query: Query) -> pa.Table:
        return self._answer(*_statement(query, _in_quotes(query.cursor), "$"))

    def without_cursor(self, query: Query) -> int:
        return int(self._answer(_unread(query, _in_quotes(query.cursor)), {}).column(0)[0].as_py())

    def _answer(self, statement: str, given: Mapping[str, Any]) -> pa.Table:
        try:
            with self._connected() as connection:
                return connection.sql(statement, params=given).to_arrow_table()
        except (self._duckdb.Error, OSError) as error:
            raise ToolFailure(_reason(error)) from None

    @contextmanager
    def session(self, query: Query) -> Iterator[Session]:
        source, given = _where(query, _in_quotes(query.cursor), "$")
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self._connected())
                connection.execute("BEGIN TRANSACTION")
            except (self._duckdb.Error, OSError) as error:
                raise ToolFailure(_reason(error)) from None

            def answer(statement: str) -> pa.Table:
                try:
                    return connection.sql(statement, params=given).to_arrow_table()
                except (self._duckdb.Error, OSError) as error:
                    raise ToolFailure(_reason(error)) from None

            yield Session("duckdb", source, _in_quotes, answer)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        read_only = self._path != ":memory:"
        with self._duckdb.connect(self._path, read_only=read_only, config=self._settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for table in self._tables:
                connection.register(table.name, table.dataset())
            yield connection


def _in_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(names: list[str], columns: list[Any]) -> pa.Table:
    """Values that Arrow has no type for, such as UUIDs, as text."""
    if len(set(names)) < len(names):
        raise ToolFailure("its query gives two columns of one name")
    return pa.table({name: _column(list(values)) for name, values in zip(names, columns, strict=True)})


def _column(values: list[Any]) -> pa.Array:
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        column = None
    if column is None or isinstance(column.type, pa.BaseExtensionType):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return column


def _reason(error: Exception) -> str:
    """The driver's own words, without the statement, its values and the address."""
    own = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(f"{type(own).__name__}: {own}".split())[:_MOST_REASON]
