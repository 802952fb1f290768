"""The columns of models' tables, and one form for values that can be written in many.

Predictions: ``id`` (text), ``timestamp`` (microseconds, UTC), ``prediction``, ``score``, ``version``, one column
``score.<class>`` a class, ``quantile.<level>`` a quantile, and ``feature.<name>`` a feature, which may hold vectors.
Labels: ``id``, ``label``, ``timestamp``. References: like predictions, with a ``label`` where it is known. What was not
said of a row is null.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.event import RowsKind
from bot.errors import Unfit
from bot.model_store.features.vectors import (
    PACKED,
    are_lists,
    as_packed,
    content_of,
    is_packed,
    packed,
    sizes_of,
    why_no_vectors,
)
from detectors.drift.packing import Array
from detectors.embeddings.vectors import usual_size

FEATURE = "feature."
SCORE = "score."
"""The probability of a class."""
QUANTILE = "quantile."
"""What is predicted for a quantile, by its level."""
MOMENT = pa.timestamp("us", tz="UTC")
LABELS = ("id", "label", "timestamp")
REFERENCE = "reference"
KNOWN: Mapping[str, tuple[str, ...]] = {
    RowsKind.PREDICTIONS: ("id", "timestamp", "prediction", "score", "version"),
    RowsKind.LABELS: LABELS,
    REFERENCE: ("id", "timestamp", "prediction", "score", "version", "label"),
}
"""The columns that are no features, by what a table holds."""
MOST_NAME = 200
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FIXED = {"id": pa.string(), "timestamp": MOMENT, "score": pa.float64(), "version": pa.string()}
_UNREAD = re.compile("Failed to parse string: '(.*?)' as a scalar", re.DOTALL)
_PLAINLY = {pa.string(): "text", pa.float64(): "numbers", MOMENT: "moments"}


def canonical(table: pa.Table) -> pa.Table:
    """The table in the one form in which it is kept: columns by name, plain numbers, booleans, text, moments, vectors.

    How a file was written leaves no trace: row groups, dictionaries, 64-bit offsets, metadata. Raises Unfit for a
    column that is nested or binary and holds no vectors, and for two of one name.
    """
    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise Unfit(f"there are two columns {twice[0]!r}")
    columns = {name: _plain(name, table[name]) for name in sorted(names)}
    return pa.table({name: column if is_packed(column.type) else _whole(column) for name, column in columns.items()})


def digest_of(table: pa.Table) -> str:
    """The name of a canonical table's content: 40 hexadecimal digits of BLAKE2b over names, types and values."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(b"%d\0" % table.num_rows)
    for name in table.column_names:
        column = table[name]
        digest.update(f"{name}\0{column.type}\0".encode())
        for part in content_of(column) if is_packed(column.type) else _content(_whole(column)):
            digest.update(part)
    return digest.hexdigest()


def features_of(table: pa.Table) -> dict[str, Array]:
    """A table's features, by their own names, as the detectors take them: missing values are NaN or None. Without
    vectors: see ``vectors_in``."""
    names = [name for name in table.column_names if name.startswith(FEATURE) and not is_packed(table[name].type)]
    return {name.removeprefix(FEATURE): array_of(table[name]) for name in names}


def vectors_in(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """A table's features that are vectors, by their own names."""
    names = [name for name in table.column_names if name.startswith(FEATURE) and is_packed(table[name].type)]
    return {name.removeprefix(FEATURE): table[name] for name in names}


def array_of(column: pa.ChunkedArray) -> Array:
    """A column as an array of shape (rows,): numbers with NaN for missing ones; all else as objects, None for missing.

    Moments become seconds since 1970 (UTC).
    """
    if pa.types.is_timestamp(column.type):
        return np.asarray(pc.divide(pc.cast(pc.cast(column, pa.int64()), pa.float64(), safe=False), 1e6).to_numpy())
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return np.array(column.to_pylist(), dtype=object)
    if not pa.types.is_string(column.type) and column.null_count:
        column = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(column.to_numpy())


def stacked(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other. What a table lacks is null; numbers of different kinds become floats, and what is a
    number here and text there becomes text; beside vectors a number is a vector of one, and all else is missing."""
    types: dict[str, pa.DataType] = {}
    for table in tables:
        for field in table.schema:
            types[field.name] = _common(types.get(field.name), field.type)
    fitted = [_fitted(table, types) for table in tables]
    return pa.concat_tables(fitted) if fitted else pa.table({})


def _fitted(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    has = dict(zip(table.column_names, table.columns, strict=True))  # a look into the table itself goes over all names
    return pa.table(
        {
            name: _cast(has[name], kind) if name in has else pa.nulls(table.num_rows, kind)
            for name, kind in types.items()
        }
    )


def checked(table: pa.Table, kind: str) -> pa.Table:
    """The table, laid out, if it can be kept as what it is to hold. Raises Unfit."""
    bad = next((name for name in table.column_names if len(name) > MOST_NAME or not name.isprintable()), None)
    if bad is not None:
        raise Unfit(f"the column's name {bad[:40]!r} is longer than {MOST_NAME} characters or not printable")
    for name in () if kind == REFERENCE else ("id", "label") if kind == RowsKind.LABELS else ("id",):
        _check_filled(table, name)
    if kind == RowsKind.LABELS and (others := sorted(set(table.column_names) - set(LABELS))):
        raise Unfit(f"labels have the columns {', '.join(LABELS)}, not {others[0].removeprefix(FEATURE)!r}")
    if kind == REFERENCE and not (table.num_rows and any(name.startswith(FEATURE) for name in table.column_names)):
        raise Unfit("a reference needs one row and one feature at least")
    if "timestamp" in table.column_names:
        _check_moments(table["timestamp"])
    return table


def span_of(table: pa.Table, received_at: datetime) -> tuple[datetime, datetime]:
    """The first and last moment of a table's rows; a row without one has that of its receipt."""
    column = table["timestamp"] if "timestamp" in table.column_names else pa.nulls(table.num_rows, MOMENT)
    moments = [moment.astimezone(UTC) for moment in pc.min_max(column).as_py().values() if moment is not None]
    if column.null_count or not moments:
        moments.append(received_at)
    return min(moments), max(moments)


def _check_filled(table: pa.Table, name: str) -> None:
    if not table.num_rows:
        return
    if name not in table.column_names:
        raise Unfit(f"the column {name} is missing")
    if table[name].null_count:
        row = pc.index(pc.is_null(table[name]), True).as_py()
        raise Unfit(f"{name} is missing in row {row} (counted from 0)")


def _check_moments(column: pa.ChunkedArray) -> None:
    odd = pc.or_(pc.less(column, pa.scalar(EARLIEST, MOMENT)), pc.greater(column, pa.scalar(LATEST, MOMENT)))
    row = pc.index(pc.fill_null(odd, False), True).as_py()
    if row >= 0:
        raise Unfit(out_of_years(row))


def out_of_years(row: int) -> str:
    """What is wrong with a timestamp that no sender means."""
    return f"timestamp in row {row} (counted from 0) is not between the years 1970 and 2200"


def _refuse(name: str) -> NoReturn:
    raise Unfit(f"{name}: only numbers, booleans, text, moments and vectors are taken, no objects and no other lists")


def as_fixed(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in the type that its name fixes. Raises Unfit."""
    if name.startswith(QUANTILE):
        _check_level(name)
    kind = pa.float64() if name.startswith((SCORE, QUANTILE)) else _FIXED.get(name)
    if kind is None or column.type == kind:
        return column
    what = {"timestamp": "moments, in RFC 3339 with their zone or a Parquet timestamp"}.get(name, _PLAINLY[kind])
    if name == "timestamp" and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise Unfit(f"{name} must hold {what}, and not numbers: whether they are seconds nobody says")
    try:
        return pc.cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        unread = _UNREAD.search(str(error))
        why = f"{unread[1][:60]!r} is none" if unread else str(error)
        raise Unfit(f"{name} must hold {what}: {why}") from error


def _check_level(name: str) -> None:
    try:
        fits = 0 < float(name.removeprefix(QUANTILE)) < 1
    except ValueError:
        fits = False
    if not fits:
        raise Unfit(f"{name}: a quantile's level lies between 0 and 1, as in {QUANTILE}0.9; a feature: {FEATURE}{name}")


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(name, pc.cast(column, kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.cast(column, pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _moments(name, column)
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return pc.cast(column, pa.float64())
    if are_lists(kind) and not why_no_vectors(column):
        return packed(column)
    return column if any(of_kind(kind) for of_kind in _SIMPLE) else _refuse(name)


_SIMPLE = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_null,
    is_packed,
)
_TURNED = (
    *(pa.types.is_large_string, pa.types.is_string_view, pa.types.is_timestamp, pa.types.is_date),
    *(pa.types.is_decimal, pa.types.is_float16),
)


def is_plain(kind: pa.DataType) -> bool:
    """Whether a column of this type can be kept."""
    if pa.types.is_dictionary(kind):
        return is_plain(kind.value_type)
    if is_packed(kind):  # only we pack vectors so; of a sender it is any bytes
        return False
    return any(of_kind(kind) for of_kind in (*_SIMPLE, *_TURNED))


def _moments(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return pc.cast(column, pa.timestamp("us"), safe=False).cast(MOMENT)
    except pa.ArrowInvalid as error:
        raise Unfit(f"{name}: {error}") from error


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _content(column: pa.Array) -> list[bytes]:
    """The values as bytes; what lies in memory under a null, and which NaN it is, makes no difference."""
    if pa.types.is_null(column.type):
        return []
    missing = np.packbits(column.is_null().to_numpy(zero_copy_only=False)).tobytes()
    if pa.types.is_string(column.type):
        filled = column.fill_null("")
        lengths = pc.cast(pc.binary_length(filled), pa.int64()).to_numpy()
        offsets = np.frombuffer(filled.buffers()[1], np.int32)[filled.offset : filled.offset + len(filled) + 1]
        data = filled.buffers()[2]
        text = memoryview(data)[offsets[0] : offsets[-1]].tobytes() if data is not None and len(filled) else b""
        return [missing, lengths.tobytes(), text]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        return [missing, np.packbits(column.fill_null(False).to_numpy(zero_copy_only=False)).tobytes()]
    values = column.fill_null(0).to_numpy()
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), values.dtype.type("nan"), values)
    return [missing, values.tobytes()]


def _common(one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    if one is None or one == other or pa.types.is_null(one):
        return other
    if pa.types.is_null(other):
        return one
    both = (one, other)
    if any(map(is_packed, both)):
        return PACKED
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) for kind in both):
        return pa.int64() if all(pa.types.is_signed_integer(kind) for kind in both) else pa.float64()
    return pa.string()


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    return as_packed(column) if is_packed(kind) else pc.cast(column, kind, safe=False)


def schema_of(table: pa.Table) -> Mapping[str, str]:
    """The types of a table's columns, by name; vectors with the size that most have: ``embedding[768]``."""
    return {field.name: _described(field, table) for field in table.schema}


def is_embedding(kind: str) -> bool:
    """Whether a type, as ``schema_of`` has it, is that of vectors."""
    return kind.startswith("embedding[")


def _described(field: pa.Field, table: pa.Table) -> str:
    return f"embedding[{usual_size(sizes_of(table[field.name]))}]" if is_packed(field.type) else str(field.type)
