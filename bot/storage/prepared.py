"""Statements that are built once and performed often: to build one takes longer than to perform it.

On SQLite they go to the driver without SQLAlchemy, whose own work around a statement takes several times as long as
most of ours; it has built them, and it says how their values are written and read. On PostgreSQL, whose answers take
longer than all that, SQLAlchemy performs them.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Insert, Select, Update, bindparam
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from bot.storage.ahead import without_answer
from bot.storage.sqlite.one_trip import Connection, Done, execute, execute_many

Query = Select[*tuple[Any, ...]] | Update
"""An update is one where it returns something."""
Maker = Callable[[Any], Any]

_SQLITE = aiosqlite.dialect()
_MANY = re.compile(r"__\[POSTCOMPILE_\w+\]")
_FROM_CALLER = object()


def any_of(name: str) -> BindParameter[Any]:
    """A parameter for the values of an IN."""
    return bindparam(name, expanding=True)


async def fetch_rows(connection: AsyncConnection, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
    """The rows that a query finds, each a tuple of its columns in order."""
    if connection.dialect.name != "sqlite":
        return (await connection.execute(query, values)).all()
    prepared = _prepared(query)
    found = (await _performed(connection, prepared, values)).rows
    makers = prepared.makers
    if not makers:
        return found
    rows = [list(row) for row in found]
    for place, made in makers:
        for row in rows:
            row[place] = made(row[place])
    return rows


async def fetch_dicts(connection: AsyncConnection, query: Query, values: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The rows that a query finds, by the names of their columns."""
    if connection.dialect.name != "sqlite":
        return [dict(row) for row in (await connection.execute(query, values)).mappings()]
    names = _prepared(query).names
    return [dict(zip(names, row, strict=True)) for row in await fetch_rows(connection, query, values)]


async def perform(connection: AsyncConnection, update: Update, values: Mapping[str, Any]) -> int:
    """Perform an update; returns how many rows it was."""
    if connection.dialect.name != "sqlite":
        return (await connection.execute(update, values)).rowcount
    return (await _performed(connection, _prepared(update), values)).rowcount


async def write_rows(connection: AsyncConnection, insert: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """Perform an insert of many rows, all with the same columns, in the database's own words and with its own values.

    SQLAlchemy goes over every value of every row three times before it does the same.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    written = _written(insert, _SQLITE if is_sqlite else connection.dialect, tuple(rows[0]))
    whole = [{**written.defaults, **row} for row in rows] if written.defaults else rows
    values: Any
    if written.by_position:
        values = [tuple(made(row[name]) for name, made in written.columns) for row in whole]
    else:
        values = [{name: made(row[name]) for name, made in written.columns} for row in whole]
    if is_sqlite:
        await _trip(connection, execute_many, written.statement, values)
    else:
        with without_answer(connection):
            await connection.exec_driver_sql(written.statement, values)


class _Parameter(NamedTuple):
    """A place for a value; ``given`` is one that the statement has by itself."""

    name: str
    many: bool
    made: Maker
    given: Any


class _Prepared(NamedTuple):
    """``parts`` of the text are those between the places for many values; ``makers`` read columns, by their place."""

    parts: Sequence[str]
    parameters: Sequence[_Parameter]
    names: Sequence[str]
    makers: Sequence[tuple[int, Maker]]


@lru_cache(maxsize=512)
def _prepared(statement: Query) -> _Prepared:
    compiled: Any = statement.compile(dialect=_SQLITE)
    parameters = [_parameter(compiled.binds[name], name) for name in compiled.positiontup]
    columns = statement.exported_columns
    read = [column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for column in columns]
    makers = [(place, made) for place, made in enumerate(read) if made is not None]
    return _Prepared(_MANY.split(str(compiled)), parameters, [str(name) for name, _ in columns.items()], makers)


def _parameter(bind: BindParameter[Any], name: str) -> _Parameter:
    given = _FROM_CALLER if bind.required else bind.value
    return _Parameter(name, bind.expanding, _maker(bind.type, _SQLITE), given)


async def _performed(connection: AsyncConnection, prepared: _Prepared, values: Mapping[str, Any]) -> Done:
    bound: list[Any] = []
    many: list[int] = []
    for name, is_many, made, given in prepared.parameters:
        value = values[name] if given is _FROM_CALLER else given
        if is_many:
            bound += map(made, value)
            many.append(len(value))
        else:
            bound.append(made(value))
    text = prepared.parts[0]
    for count, part in zip(many, prepared.parts[1:], strict=True):
        text += ",".join("?" * count) + part
    return await _trip(connection, execute, text, bound)


async def _trip(
    connection: AsyncConnection, how: Callable[[Any, str, Any], Done], statement: str, values: Sequence[Any]
) -> Done:
    """Raises the errors that SQLAlchemy raises."""
    driver: Any = connection.sync_connection.connection.dbapi_connection if connection.sync_connection else None
    assert isinstance(driver, Connection)
    try:
        return await driver.trip(how, statement, values)
    except sqlite3.Error as error:
        raise DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect) from error


class _Written(NamedTuple):
    """A statement, and how the value of each column is made for the driver, in the order in which it takes them.

    ``defaults`` are the values of columns that the rows leave out.
    """

    statement: str
    columns: Sequence[tuple[str, Maker]]
    by_position: bool
    defaults: Mapping[str, Any]


@lru_cache(maxsize=512)
def _written(insert: Insert, dialect: Dialect, names: tuple[str, ...]) -> _Written:
    compiled = insert.compile(dialect=dialect, column_keys=list(names))
    taken = (compiled.positiontup if dialect.positional else list(compiled.params)) or []
    columns = [(name, _maker(insert.table.columns[name].type, dialect)) for name in taken]
    defaults = {name: _default(insert, name) for name in taken if name not in names}
    return _Written(str(compiled), columns, dialect.positional, defaults)


def _maker(kind: TypeEngine[Any], dialect: Dialect) -> Maker:
    return kind.dialect_impl(dialect).bind_processor(dialect) or _as_it_is


def _default(insert: Insert, name: str) -> Any:
    default: Any = insert.table.columns[name].default
    if not default.is_scalar:
        raise TypeError(f"{insert.table.name}.{name}: rows that are written together need its value")
    return default.arg


def _as_it_is(value: Any) -> Any:
    return value
