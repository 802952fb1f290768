"""What is wrong with the columns that a query gives, and the rows that can be taken all the same. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.event import RowsKind
from bot.errors import Unfit
from bot.integrations.pull.unfit import fitting_rows
from bot.model_store.columns import EARLIEST, KNOWN, LATEST, MOMENT, QUANTILE, SCORE, as_fixed, canonical
from bot.model_store.layout import Columns

_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_MOMENTS = (pa.types.is_timestamp, pa.types.is_date)
_SHOWN = 5
UNKNOWN = ""


class Fitting(NamedTuple):
    """Rows that can be taken, and in words what was left out of them."""

    rows: pa.Table
    problems: list[str]


def kinds_of(rows: pa.Table) -> dict[str, str]:
    """The columns as number, boolean, text, moment or what Arrow calls them; empty where all values are null."""
    return {field.name: _kind(field.type) for field in rows.schema}


def changes(usual: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Columns that are gone, or of another kind, and with those the new ones.

    >>> changes({"a": "number", "b": "text"}, {"a": "text", "c": "text"})
    ['b is gone, and c is new: renamed?', 'a holds text, not numbers']
    """
    gone = [name for name in usual if name not in now]
    new = [name for name in now if name not in usual]
    told = []
    if gone:
        beside = f", and {_few(new)} {_is(new)} new: renamed?" if new else ""
        told.append(f"{_few(gone)} {_is(gone)} gone{beside}")
    for name, kind in now.items():
        before = usual.get(name, UNKNOWN)
        if UNKNOWN not in (before, kind) and before != kind:
            told.append(f"{name} holds {_PLURAL.get(kind, kind)}, not {_PLURAL.get(before, before)}")
    return told


def with_new(usual: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What is usual from now on: what was not known is learnt, and nothing forgotten."""
    return {**now, **{name: kind for name, kind in usual.items() if kind != UNKNOWN or name not in now}}


def fitting(rows: pa.Table, holds: str, cursor: str) -> Fitting:
    """Without columns that cannot hold what their names say, and without rows that have no id."""
    problems = list[str]()
    for name in rows.column_names:
        if name == "id" or not (name in KNOWN[holds] or name.startswith((SCORE, QUANTILE))):
            continue
        try:
            column = _as_fixed([(name, rows[name])])
        except Unfit as error:
            fits = fitting_rows([(name, rows[name])], _as_fixed)
            if fits is None:
                rows = rows.drop_columns([name])
                problems.append(f"{name} is left out: {error}")
                continue
            count = len(fits) - pc.sum(fits).as_py()
            problems.append(f"{count} {'value' if count == 1 else 'values'} of {name} left out: {error}")
            kept = pc.if_else(fits, rows[name], pa.scalar(None, rows[name].type))
            rows = rows.set_column(rows.column_names.index(name), name, kept)
            column = _as_fixed([(name, kept)])
        if name == "timestamp":
            rows = _with_possible_moments(rows, column, problems)
    if (
        cursor != "timestamp"
        and "timestamp" not in rows.column_names
        and _kind(rows.schema.field(cursor).type) == "moment"
    ):
        rows = _with_possible_moments(rows, pc.cast(canonical(rows.select([cursor]))[cursor], MOMENT), problems, cursor)
    if "id" in rows.column_names and (unnamed := rows["id"].null_count):
        rows = rows.filter(pc.is_valid(rows["id"]))
        problems.append(f"{unnamed} {_rows(unnamed)} left out, as they have no id")
    if holds == RowsKind.LABELS and "label" in rows.column_names and (unsaid := rows["label"].null_count):
        rows = rows.filter(pc.is_valid(rows["label"]))
        problems.append(f"{unsaid} {_rows(unsaid)} left out, as they have no label")
    return Fitting(rows, problems)


def _as_fixed(columns: Columns) -> pa.ChunkedArray:
    [(name, column)] = columns
    return as_fixed(name, canonical(pa.table({name: column}))[name])


def _with_possible_moments(
    rows: pa.Table, column: pa.ChunkedArray, problems: list[str], name: str = "timestamp"
) -> pa.Table:
    """Moments that cannot be are taken for none."""
    odd = pc.or_(pc.less(column, pa.scalar(EARLIEST, MOMENT)), pc.greater(column, pa.scalar(LATEST, MOMENT)))
    odd = pc.fill_null(odd, False)
    count = pc.sum(odd).as_py() or 0
    if not count:
        return rows
    problems.append(f"{count} values of {name} are not between the years 1970 and 2200")
    column = pc.if_else(odd, pa.scalar(None, MOMENT), column)
    return rows.set_column(rows.column_names.index(name), name, column)


def _kind(kind: pa.DataType) -> str:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_null(plain):
        return UNKNOWN
    for name, tests in (("number", _NUMBERS), ("text", _TEXTS), ("moment", _MOMENTS)):
        if any(test(plain) for test in tests):
            return name
    return "boolean" if pa.types.is_boolean(plain) else str(plain)


_PLURAL = {"number": "numbers", "moment": "moments", "boolean": "booleans"}


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _rows(count: int) -> str:
    return "row is" if count == 1 else "rows are"


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
