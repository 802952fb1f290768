"""Statements that are built once and performed often: to build one takes longer than to perform it."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Insert, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection


def any_of(name: str) -> BindParameter[Any]:
    """A parameter for the values of an IN."""
    return bindparam(name, expanding=True)


async def write_rows(connection: AsyncConnection, insert: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """Perform an insert of many rows, all with the same columns, in the database's own words and with its own values.

    SQLAlchemy goes over every value of every row three times before it does the same.
    """
    written = _written(insert, connection.dialect, tuple(rows[0]))
    whole = [{**written.defaults, **row} for row in rows] if written.defaults else rows
    values: Any
    if written.by_position:
        values = [tuple(made(row[name]) for name, made in written.columns) for row in whole]
    else:
        values = [{name: made(row[name]) for name, made in written.columns} for row in whole]
    await connection.exec_driver_sql(written.statement, values)


class _Written(NamedTuple):
    """A statement, and how the value of each column is made for the driver, in the order in which it takes them.

    ``defaults`` are the values of columns that the rows leave out.
    """

    statement: str
    columns: Sequence[tuple[str, Callable[[Any], Any]]]
    by_position: bool
    defaults: Mapping[str, Any]


@lru_cache(maxsize=512)
def _written(insert: Insert, dialect: Dialect, names: tuple[str, ...]) -> _Written:
    compiled = insert.compile(dialect=dialect, column_keys=list(names))
    taken = (compiled.positiontup if dialect.positional else list(compiled.params)) or []
    columns = [(name, _maker(insert, dialect, name)) for name in taken]
    defaults = {name: _default(insert, name) for name in taken if name not in names}
    return _Written(str(compiled), columns, dialect.positional, defaults)


def _maker(insert: Insert, dialect: Dialect, name: str) -> Callable[[Any], Any]:
    column_type = insert.table.columns[name].type
    return column_type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is


def _default(insert: Insert, name: str) -> Any:
    default: Any = insert.table.columns[name].default
    if not default.is_scalar:
        raise TypeError(f"{insert.table.name}.{name}: rows that are written together need its value")
    return default.arg


def _as_it_is(value: Any) -> Any:
    return value
