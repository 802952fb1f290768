"""Rows of models as JSON: a list of rows, or a list of values a column. Nothing here reads a file or a clock."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from bot.domain.event import RowsKind
from bot.model_store.columns import FEATURE, KNOWN, MOMENT, REFERENCE, Unfit, array_of, column_of, laid_out
from detectors.drift.packing import Array

Scalar: TypeAlias = bool | int | float | str | None
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

MOST_INLINE_BYTES = 2**18


class PredictionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a model said: ``id`` is what a label will name. ``timestamp`` is when it said so, the receipt by default."""

    id: str | int
    features: dict[str, Scalar] = {}
    prediction: Scalar = None
    score: float | None = None
    timestamp: Moment | None = None
    version: str | None = None


class LabelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was true. ``timestamp`` is when that became known: of several labels of an id the last one holds."""

    id: str | int
    label: Scalar
    timestamp: Moment | None = None


class ReferenceDataRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A row of training or validation data, with what the model says of it and what was true, where that is known."""

    features: dict[str, Scalar]
    id: str | int | None = None
    prediction: Scalar = None
    score: float | None = None
    label: Scalar = None
    timestamp: Moment | None = None
    version: str | None = None


AnyRow: TypeAlias = PredictionRow | LabelRow | ReferenceDataRow
Row = TypeVar("Row", bound=msgspec.Struct)


class _Columns(msgspec.Struct, forbid_unknown_fields=True):
    columns: dict[str, list[Scalar]]


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


def table_of_body(body: bytes, kind: str) -> pa.Table:
    """The table of ``{"rows": […]}`` or ``{"columns": {…}}``; ``kind`` is predictions, labels or reference.

    Raises Unfit and msgspec.DecodeError, which name the place that is wrong.
    """
    form = msgspec.json.decode(body, type=_Form)
    if bool(bytes(form.rows)) == bool(bytes(form.columns)):
        raise Unfit('the body must be {"rows": […]} or {"columns": {…}}')
    if bytes(form.rows):
        return table_of_rows(_BODY[kind].decode(body).rows)
    return _of_columns(msgspec.json.decode(body, type=_Columns).columns, KNOWN[kind])


def table_of_inline(raw: bytes, kind: RowsKind) -> pa.Table:
    """The table of what travelled in a RowsEvent."""
    return table_of_rows(_INLINE[kind].decode(raw))


def inline_of(table: pa.Table, kind: RowsKind) -> bytes | None:
    """A small table as it can travel in a RowsEvent; None where it is too large, or JSON has no word for a value."""
    if not all(np.isfinite(array[~np.isnan(array)]).all() for array in _floats(table)):
        return None
    named = [(name, name.removeprefix(FEATURE), name.startswith(FEATURE)) for name in table.column_names]
    rows: list[dict[str, Any]] = []
    for given in table.to_pylist():
        row = {name: given[name] for name, _, is_feature in named if not is_feature and given[name] is not None}
        if kind is RowsKind.PREDICTIONS:
            row["features"] = {feature: given[name] for name, feature, is_feature in named if is_feature}
        rows.append(row)
    encoded = msgspec.json.encode(rows)
    return encoded if len(encoded) <= MOST_INLINE_BYTES else None


def _floats(table: pa.Table) -> list[Array]:
    return [array_of(column) for column in table.columns if pa.types.is_floating(column.type)]


def table_of_rows(rows: Sequence[AnyRow]) -> pa.Table:
    """Raises Unfit."""
    fields = rows[0].__struct_fields__ if rows else ()
    given = {name: [getattr(row, name) for row in rows] for name in fields if name != "features"}
    columns = {name: values for name, values in given.items() if any(value is not None for value in values)}
    columns |= _features([row.features for row in rows if not isinstance(row, LabelRow)])
    return laid_out(pa.table({name: _column(name, values) for name, values in columns.items()}), fields)


def _features(given: Sequence[dict[str, Scalar]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for features in given for name in features)
    return {FEATURE + name: [features.get(name) for features in given] for name in names}


def _of_columns(columns: dict[str, list[Scalar]], known: Sequence[str]) -> pa.Table:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        first = next(iter(lengths))
        other = next(name for name in lengths if lengths[name] != lengths[first])
        raise Unfit(f"{other} has {lengths[other]} values, {first} has {lengths[first]}")
    return laid_out(pa.table({name: _column(name, values) for name, values in columns.items()}), known)


def _column(name: str, values: Sequence[Any]) -> pa.Array:
    if name == "id":
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    if name == "timestamp" and any(isinstance(value, datetime) for value in values):
        return pa.array([None if value is None else value.astimezone(UTC) for value in values], MOMENT)
    return column_of(name, values)
