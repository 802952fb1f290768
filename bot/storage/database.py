"""The database behind the storage functions: SQLite or PostgreSQL, transactions, migrations."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Insert, Table, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from bot.errors import Collision, ConfigError, StorageUnavailable
from bot.storage import version
from bot.storage.ahead import sending
from bot.storage.prepared import write_rows
from bot.storage.quiet import FileCommits
from bot.storage.seal import OPTION, Seal
from bot.storage.sqlite.file import DatabaseFile
from bot.storage.sqlite.one_trip import Driver
from bot.storage.sqlite.standing import Standing
from bot.storage.timeouts import make_engine

_WRITE = "tandem_write"
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=1500",
    "foreign_keys=ON",
    "cache_size=-65536",
)
_CHUNK = 500

_OUTAGES = (OperationalError, InterfaceError, InternalError, PoolTimeout, OSError)
_COLLISIONS = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

Row = Mapping[str, Any]
Ordered = TypeVar("Ordered", str, int)
Fence = Callable[[AsyncConnection], Awaitable[None]]


class Database:
    """An engine and its rules for transactions.

    SQLite takes one writer: writers queue on a lock here, so that none waits in SQLite's polling busy
    handler. PostgreSQL needs no lock; rows that are decided on are read ``FOR UPDATE``.

    ``address`` is where it is, as it was configured; ``mark`` what all connections to PostgreSQL bear.
    """

    def __init__(
        self, engine: AsyncEngine, alone: Standing | None = None, address: URL | None = None, mark: int = 0
    ) -> None:
        self.engine = engine
        self._alone = alone
        self._fence: Fence | None = None
        self.seal: Seal | None = None
        self.address = address or engine.url
        self.mark = mark
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(**{_WRITE: True})
        self._reader = engine
        self._lock = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._file = DatabaseFile(str(engine.url.database)) if self.is_sqlite else None
        self._commit_count = FileCommits(str(engine.url.database)) if self.is_sqlite else None

    @asynccontextmanager
    async def write(self, *, ahead: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits on leaving. Raises StorageUnavailable where the database does not take it.

        Collision, one of these errors, asks to begin anew (:func:`bot.storage.collisions.begun_anew`). With ``ahead``,
        nobody waits for PostgreSQL's answer to rows that are written: it comes with that to the next statement.
        """
        async with self._lock:
            self._check_file()
            with _outages():
                async with self._writer.begin() as connection, sending(connection, ahead):
                    if self._fence:
                        await self._fence(connection)
                    yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads. Raises StorageUnavailable like :meth:`write`."""
        self._check_file()
        with _outages():
            async with self._reader.begin() as connection:
                yield connection

    async def execute_alone(self, statement: str, values: Sequence[object]) -> None:
        """On SQLite: one statement that is a transaction by itself. What is between statements costs more than they."""
        assert self._alone is not None
        async with self._lock:
            try:
                await self._alone.execute(statement, values)
            except (*_OUTAGES, sqlite3.Error) as error:
                raise StorageUnavailable(_reason(error)) from error
        self._check_file()  # before anything is acknowledged: what went into a file that is gone is lost

    def _check_file(self) -> None:
        if self._file is not None:
            self._file.check()

    def commits(self) -> int | None:
        """Another number after each commit, of whichever process; None where only a look at the rows can tell."""
        try:
            self._check_file()
        except StorageUnavailable:
            return None
        return self._commit_count.count() if self._commit_count is not None else None

    def check_space(self) -> None:
        """Raises StorageUnavailable where the disk of SQLite's file is full."""
        if self._file is not None:
            self._file.check_space()

    def fenced(self, fence: Fence) -> "Database":
        """The same database, each of whose transactions that write begins with the fence, which may raise."""
        same = copy(self)
        same._fence = fence
        return same

    def use_seal(self, seal: Seal) -> None:
        """From now on what is written that has to be authentic bears this seal, and what is read is held against it."""
        self.seal = seal
        self._writer = self._writer.execution_options(**{OPTION: seal})
        self._reader = self._reader.execution_options(**{OPTION: seal})

    def beside(self, part: str) -> str:
        """The address of a SQLite file beside this one, for a part that has a writer of its own."""
        path = Path(self.engine.url.database or "")
        return f"sqlite:///{path.with_name(f'{path.stem}.{part}.db')}"

    async def migrate(self) -> None:
        """Bring the schema to the newest version. Raises ConfigError where it is too new for this program."""
        async with self.read() as connection:
            if await connection.run_sync(version.is_newest):
                return
        if self.is_sqlite:
            async with self.write() as connection:
                await connection.run_sync(version.upgrade)
            return
        with _outages():  # a migration may take its time
            await version.migrate_postgresql(create_async_engine(self.address, poolclass=NullPool))

    async def close(self) -> None:
        if self._commit_count is not None:
            self._commit_count.close()
        await self.engine.dispose()
        if self._alone is not None:
            await self._alone.close()


@contextmanager
def _outages() -> Iterator[None]:
    """Tells what is the database's fault from what is the statement's, and from what two transactions do together."""
    try:
        yield
    except _OUTAGES as error:
        if getattr(getattr(error, "orig", None), "sqlstate", None) in _COLLISIONS:
            raise Collision(_reason(error)) from error
        raise StorageUnavailable(_reason(error)) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:  # the subclasses blame the statement; a broken file is just this
            raise
        raise StorageUnavailable(_reason(error)) from error


def open_database(url: str) -> Database:
    """Connect (lazily) to ``sqlite:///PATH`` or ``postgresql://…``. Raises ConfigError for any other kind."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its words may hold the password
        raise ConfigError("TANDEM_DATABASE_URL: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed)
    if backend == "postgresql":
        return _open_postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise ConfigError(f"TANDEM_DATABASE_URL: {backend} is not supported: use sqlite:///PATH or postgresql://…")


def open_existing(url: str) -> Database:
    """Like :func:`open_database`, but raises ConfigError where SQLite would make the file."""
    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).exists():
        raise ConfigError(f"{file}: there is no database yet: tandem run makes it")
    return open_database(url)


def _open_postgresql(url: URL) -> Database:
    mark = secrets.randbits(31)
    return Database(make_engine(url, mark), address=url, mark=mark)


def _open_sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        why = "SQLite in memory would lose what was acknowledged: give a file, sqlite:///PATH"
        raise ConfigError(f"TANDEM_DATABASE_URL: {why}")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    address = url.set(drivername="sqlite+aiosqlite")
    engine = create_async_engine(address, module=Driver(), pool_size=8, max_overflow=4, pool_timeout=10)
    _set_pragmas(engine.sync_engine)
    _begin_explicitly(engine.sync_engine)
    _keep_when_cancelled(engine.sync_engine)
    return Database(engine, Standing(url.database, _prepare))


def _set_pragmas(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        _prepare(connection)


def _prepare(connection: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy begins, not the driver: the driver begins too late
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_explicitly(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        driver: Any = connection.connection.dbapi_connection
        driver.begin("BEGIN IMMEDIATE" if write else "BEGIN")


def _keep_when_cancelled(engine: Engine) -> None:
    """Let a transaction whose task is cancelled end with a rollback, not with its connection.

    SQLAlchemy takes such a connection for broken and closes it, and SQLite lets go of the write lock of a closed
    connection only when its last statement is gone, which the traceback of the cancellation may hold. Here, the
    rollback waits in the connection's thread until the statement has ended. https://www.sqlite.org/c3ref/close.html
    """

    @event.listens_for(engine, "handle_error")
    def _keep(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, asyncio.CancelledError):
            context.is_disconnect = False


def _reason(error: BaseException) -> str:
    """The database's own words, without the statement and its values: those may hold what must not be logged."""
    return str(getattr(error, "orig", None) or error).strip()


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a SQLModel class, for statements over many rows."""
    table = model.__dict__["__table__"]
    assert isinstance(table, Table)
    return table


def row_of(value: msgspec.Struct) -> dict[str, Any]:
    """A domain value as a row: the columns are named like the fields."""
    return msgspec.structs.asdict(value)


def chunks(values: Iterable[Ordered]) -> Iterator[list[Ordered]]:
    """The values in order, each once, so many at a time as a statement has room for."""
    ordered = sorted(set(values))
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))


async def upsert(connection: AsyncConnection, table: Table, rows: Sequence[Row], keep: Sequence[str] = ()) -> None:
    """Insert rows, or bring those with the same primary key up to date, but for the columns to ``keep``."""
    if rows:
        await write_rows(connection, _upsert_into(table, connection.dialect.name, tuple(keep)), rows)


@cache
def _upsert_into(table: Table, dialect: str, keep: tuple[str, ...]) -> Insert:
    insert = _insert_into(table, dialect)
    key = [column.name for column in table.primary_key]
    others = (column for column in table.columns if not column.primary_key and column.name not in keep)
    changed = {column.name: insert.excluded[column.name] for column in others}
    return insert.on_conflict_do_update(index_elements=key, set_=changed)


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose primary key is not there yet; returns how many were new."""
    if not rows:
        return 0
    result = await connection.execute(_missing_into(table, connection.dialect.name), list(rows))
    return result.rowcount


@cache
def _missing_into(table: Table, dialect: str) -> Insert:
    # or PostgreSQL's count is thrown away: https://docs.sqlalchemy.org/en/20/core/connections.html
    return _insert_into(table, dialect).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _insert_into(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
