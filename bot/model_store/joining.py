"""Rows of models brought together by id; pure."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.model_store.columns import array_of
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
    pairs = np.unique(np.column_stack([codes, values]), axis=0)[:, 0] if len(codes) else codes
    contradicting = int((np.bincount(pairs) > 1).sum()) if len(pairs) else 0
    order = np.argsort(array_of(labels["timestamp"]), kind="stable")
    last = np.zeros(codes.max(initial=-1) + 1, dtype=np.int64)
    last[codes[order]] = order  # of several writes to one place the last one stays
    return labels.take(pa.array(np.sort(last))), contradicting


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
