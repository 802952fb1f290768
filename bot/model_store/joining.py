"""Rows of models brought together by id; pure."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.model_store.columns import MOMENT, array_of, stacked
from detectors.drift.packing import Array


def once_per_id(table: pa.Table) -> pa.Table:
    """Each id once, where it was first: of each column the first value that is there.

    >>> table = pa.table({"id": ["a", "b", "a"], "prediction": [None, 2, 1]})
    >>> once_per_id(table).to_pylist()
    [{'id': 'a', 'prediction': 1}, {'id': 'b', 'prediction': 2}]
    """
    codes = _codes(table["id"])
    if not len(codes) or codes.max() + 1 == len(codes):
        return table
    columns = {name: table[name].take(_first(codes, table[name])) for name in table.column_names}
    return pa.table(columns)


def last_label(labels: pa.Table, wanted: pa.ChunkedArray) -> tuple[pa.Table, int]:
    """Of the wanted ids the last label each, by timestamp and then by arrival; and how many ids have different ones.

    >>> labels = pa.table({"id": ["a", "a", "c"], "label": [1, 0, 1], "timestamp": [2, 1, 1]})
    >>> found, contradicting = last_label(labels, pa.chunked_array([["a", "b"]]))
    >>> found.to_pylist(), contradicting
    ([{'id': 'a', 'label': 1, 'timestamp': 2}], 1)
    """
    if "label" not in labels.column_names:
        return labels.append_column("label", pa.nulls(labels.num_rows)).slice(0, 0), 0
    is_meant = pc.and_(pc.is_in(labels["id"], value_set=wanted.combine_chunks()), pc.is_valid(labels["label"]))
    labels = labels.filter(is_meant)
    codes, values = _codes(labels["id"]), _codes(labels["label"])
    several = values.max(initial=0) + 1
    pairs = np.unique(codes * several + values) // several
    contradicting = int((np.bincount(pairs) > 1).sum()) if len(pairs) else 0
    order = np.argsort(array_of(labels["timestamp"]), kind="stable")
    last = np.zeros(codes.max(initial=-1) + 1, dtype=np.int64)
    last[codes[order]] = order  # of several writes to one place the last one stays
    return labels.take(pa.array(np.sort(last))), contradicting


def joined_with(parts: Sequence[pa.Table], labels: pa.Table) -> tuple[pa.Table, int]:
    """Predictions, in the order in which they came, each id once and with its last label, and ``labelled_at``; and how
    many ids have different labels."""
    empty = pa.table({"id": pa.array([], pa.string()), "timestamp": pa.array([], MOMENT)})
    predictions = once_per_id(stacked([empty, *parts]))
    found, contradicting = last_label(labels, predictions["id"])
    at = pc.index_in(predictions["id"], value_set=found["id"])
    has_label = pc.is_valid(at)
    joined, at = predictions.filter(has_label), at.filter(has_label)
    joined = joined.append_column("label", found["label"].take(at))
    return joined.append_column("labelled_at", found["timestamp"].take(at)), contradicting


def delay_of(joined: pa.Table) -> timedelta | None:
    """How long labels took from their predictions, the median; one that is dated before its prediction took none."""
    if not joined.num_rows:
        return None
    moments = (np.asarray(pc.cast(joined[name], pa.int64()).to_numpy()) for name in ("labelled_at", "timestamp"))
    labelled, predicted = moments
    return timedelta(microseconds=float(np.median(np.maximum(labelled - predicted, 0))))


def _codes(column: pa.ChunkedArray) -> Array:
    """Numbers from 0 for the values, in the order in which they first come."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([], encoded.type)
    return np.asarray(encoded.indices.to_numpy()).astype(np.int64)


def _first(codes: Array, column: pa.ChunkedArray) -> pa.Array:
    """Where each id's first value stands that is there; null where none is."""
    places = np.full(codes.max() + 1, -1, dtype=np.int64)
    there = np.flatnonzero(pc.is_valid(column).to_numpy())[::-1]
    places[codes[there]] = there
    return pa.array(places, mask=places < 0)
