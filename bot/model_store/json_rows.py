"""Rows of models as JSON: a list of rows, or a list of values a column. Nothing here reads a file or a clock.

A feature whose values are lists of numbers holds vectors. What else of a feature is a list or an object counts as
missing, and a column that holds nothing else is left out.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.event import RowsKind
from bot.domain.watched.rows import LabelRow, PredictionRow, ReferenceDataRow
from bot.errors import Unfit
from bot.model_store.columns import FEATURE, KNOWN, MOMENT, QUANTILE, REFERENCE, SCORE, array_of, out_of_years
from bot.model_store.features.vectors import all_finite, from_values, is_packed, to_values
from bot.model_store.json_keys import columns_with_again, keys_again
from bot.model_store.layout import LaidOut, bounded, laid_out
from detectors.drift.packing import Array

MOST_INLINE_BYTES = 2**18
_GROUPS = {"features": FEATURE, "scores": SCORE, "quantiles": QUANTILE}
"""What of a row holds several columns, and the prefix of their names."""


AnyRow: TypeAlias = PredictionRow | LabelRow | ReferenceDataRow
Row = TypeVar("Row", bound=msgspec.Struct)


class _Columns(msgspec.Struct, forbid_unknown_fields=True):
    columns: dict[str, list[Any]]


class _Rows(msgspec.Struct, Generic[Row], forbid_unknown_fields=True):
    rows: list[Row]


class _Form(msgspec.Struct):
    rows: msgspec.Raw = msgspec.Raw()
    columns: msgspec.Raw = msgspec.Raw()


_BODY: dict[str, msgspec.json.Decoder[Any]] = {
    RowsKind.PREDICTIONS.value: msgspec.json.Decoder(_Rows[PredictionRow]),
    RowsKind.LABELS.value: msgspec.json.Decoder(_Rows[LabelRow]),
    REFERENCE: msgspec.json.Decoder(_Rows[ReferenceDataRow]),
}
_INLINE: dict[str, msgspec.json.Decoder[Any]] = {
    RowsKind.PREDICTIONS: msgspec.json.Decoder(list[PredictionRow]),
    RowsKind.LABELS: msgspec.json.Decoder(list[LabelRow]),
}


def table_of_body(body: bytes, kind: str) -> LaidOut:
    """The table of ``{"rows": […]}`` or ``{"columns": {…}}``; ``kind`` is predictions, labels or reference.

    Raises Unfit and msgspec.DecodeError, which name the place that is wrong.
    """
    form = msgspec.json.decode(body, type=_Form)
    if bool(bytes(form.rows)) == bool(bytes(form.columns)):
        raise Unfit('the body must be {"rows": […]} or {"columns": {…}}')
    again = keys_again(body)
    if bytes(form.rows):
        return _of_rows(_BODY[kind].decode(body).rows, kind, again)
    columns = msgspec.json.decode(body, type=_Columns).columns
    return _of_columns(columns_with_again(body) if again else list(columns.items()), kind)


def table_of_inline(raw: bytes, kind: RowsKind) -> pa.Table:
    """The table of what travelled in a RowsEvent."""
    return _of_rows(_INLINE[kind].decode(raw), kind, set()).table


def inline_of(table: pa.Table, kind: RowsKind) -> bytes | None:
    """A small table as it can travel in a RowsEvent; None where it is too large, or JSON has no word for a value."""
    if any(name.startswith(FEATURE) and pa.types.is_timestamp(table[name].type) for name in table.column_names):
        return None  # read back it would be text
    if not all(np.isfinite(array[~np.isnan(array)]).all() for array in _floats(table)):
        return None
    vectors = {name: table[name] for name in table.column_names if is_packed(table[name].type)}
    if any(column.nbytes > MOST_INLINE_BYTES or not all_finite(column) for column in vectors.values()):
        return None
    groups = {key: _of_group(table, prefix) for key, prefix in _GROUPS.items()}
    alone = set(table.column_names) - {name for names in groups.values() for name in names}
    rows: list[dict[str, Any]] = []
    listed = {name: to_values(column) for name, column in vectors.items()}
    for at, given in enumerate(table.drop_columns(list(vectors)).to_pylist()):
        given |= {name: values[at] for name, values in listed.items()}
        row = {name: given[name] for name in alone if given[name] is not None}
        if kind is RowsKind.PREDICTIONS:
            told = {key: {short: given[name] for name, short in names.items()} for key, names in groups.items()}
            row |= {key: values for key, values in told.items() if values or key == "features"}
        rows.append(row)
    encoded = msgspec.json.encode(rows)
    return encoded if len(encoded) <= MOST_INLINE_BYTES else None


def _of_group(table: pa.Table, prefix: str) -> dict[str, str]:
    """The columns with a prefix, and their names without it."""
    return {name: name.removeprefix(prefix) for name in table.column_names if name.startswith(prefix)}


def _floats(table: pa.Table) -> list[Array]:
    return [array_of(column) for column in table.columns if pa.types.is_floating(column.type)]


def _of_rows(rows: Sequence[AnyRow], kind: str, again: Collection[str]) -> LaidOut:
    """Raises Unfit. ``again`` are keys that some row has twice."""
    fields = rows[0].__struct_fields__ if rows else ()
    if bad := sorted(set(again) & {*fields, "rows"}):
        raise Unfit(f"a row has the key {bad[0]!r} twice")
    given = {name: [getattr(row, name) for row in rows] for name in fields if name not in _GROUPS}
    columns = {name: values for name, values in given.items() if any(value is not None for value in values)}
    for key, prefix in _GROUPS.items():
        columns |= _grouped(prefix, [getattr(row, key) for row in rows if not isinstance(row, LabelRow)])
    notes = {name: "left out: a row has it twice" for name in again if FEATURE + name in columns}
    named = [(name, values) for name, values in columns.items() if name.removeprefix(FEATURE) not in notes]
    return _laid_out(named, kind, notes)


def _grouped(prefix: str, given: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for values in given for name in values)
    return {prefix + name: [values.get(name) for values in given] for name in names}


def _of_columns(columns: Sequence[tuple[str, list[Any]]], kind: str) -> LaidOut:
    if columns and (other := next((one for one in columns if len(one[1]) != len(columns[0][1])), None)):
        first = columns[0]
        raise Unfit(f"{other[0]} has {len(other[1])} values, {first[0]} has {len(first[1])}")
    return _laid_out(columns, kind, {})


def _laid_out(columns: Sequence[tuple[str, Sequence[Any]]], kind: str, notes: dict[str, str]) -> LaidOut:
    arrays = []
    for name, values in columns:
        vectors = _vectors(name, values, kind, notes)
        if vectors is not None:
            arrays.append((name, pa.chunked_array([vectors])))
            continue
        flat = values if name in KNOWN[kind] else _without_nested(name, values, notes)
        if flat is not None:
            arrays.append((name, pa.chunked_array([_column(name, flat)])))
    table, more = laid_out(arrays, kind)
    return LaidOut(table, bounded({**notes, **more}))


def _vectors(name: str, values: Sequence[Any], kind: str, notes: dict[str, str]) -> pa.Array | None:
    """The lists of a feature that holds vectors."""
    if name in KNOWN[kind] or name.startswith((SCORE, QUANTILE)):
        return None
    if not any(isinstance(value, list) for value in values):
        return None
    lists = from_values(values)
    if lists is not None:
        empty = pc.equal(pc.list_value_length(lists), 0)
        strange = sum(values[at] is not None and values[at] != [] for at in pc.indices_nonzero(empty).to_pylist())
        if strange:
            notes[name.removeprefix(FEATURE)] = f"{strange} values are no lists of numbers, and count as missing"
    return lists


def _without_nested(name: str, values: Sequence[Any], notes: dict[str, str]) -> Sequence[Any] | None:
    """The values, those that are lists or objects missing; None where there are no others."""
    nested = sum(isinstance(value, list | dict) for value in values)
    if not nested:
        return values
    short = name.removeprefix(FEATURE)
    if nested == sum(value is not None for value in values):
        notes[short] = "left out: lists and objects; only numbers, booleans, text, moments and vectors are taken"
        return None
    notes[short] = f"{nested} values are lists or objects, and count as missing"
    return [None if isinstance(value, list | dict) else value for value in values]


def _id(value: Any) -> str:
    """A whole number is one and the same, whether it is written as 7 or, as pandas does beside gaps, as 7.0."""
    if isinstance(value, list | dict | bool):
        raise Unfit(f"id must hold text or whole numbers, and not {str(value)[:40]}")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _column(name: str, values: Sequence[Any]) -> pa.Array:
    if name == "id":
        return pa.array([None if value is None else _id(value) for value in values], pa.string())
    if name == "timestamp" and any(isinstance(value, datetime) for value in values):
        return pa.array([None if value is None else _in_utc(value, row) for row, value in enumerate(values)], MOMENT)
    return column_of(name, values)


def _in_utc(moment: datetime, row: int) -> datetime:
    """Raises Unfit for one that has no equal there, at the ends of the calendar."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise Unfit(out_of_years(row)) from error


def column_of(name: str, values: Sequence[Any]) -> pa.Array:
    """A column from JSON values. Values of different kinds become text, as the sender wrote them. Raises Unfit."""
    try:
        column = pa.array(values)
    except UnicodeEncodeError as error:
        raise Unfit(f"{name}: half a character") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        kinds = {type(value) for value in values if value is not None}
    else:
        return column
    if kinds <= {int, float}:
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    if kinds & {dict, list}:
        raise Unfit(
            f"{name}: only numbers, booleans, text, moments and vectors are taken, no objects and no other lists"
        )
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _float(value: float) -> float:
    """A number as a float; what is too large for one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
