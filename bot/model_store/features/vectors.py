"""Columns of vectors, such as embeddings: the numbers of a row in single precision, kept as bytes.

A row may have another size than the rest, as may what a sender's next version sends: what that means is for the checks
of quality. NaN and infinite numbers stay as they are.
"""

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.drift.packing import Array
from detectors.embeddings.vectors import Vectors, usual_size

PACKED = pa.large_binary()
"""The type of a column of vectors."""
LEAST_SIZE, MOST_SIZE = 2, 16_384
"""How many numbers most of a column's vectors have."""
_BYTES = 4
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_packed(kind: pa.DataType) -> bool:
    """Whether a column of this type holds vectors as they are kept."""
    return bool(pa.types.is_large_binary(kind))


def are_lists(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of numbers."""
    if not any(of_kind(kind) for of_kind in _LISTS):
        return False
    inner = kind.value_type
    return any(of_kind(inner) for of_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))


def why_no_vectors(column: pa.ChunkedArray) -> str:
    """Why lists of numbers are no vectors; empty where they are."""
    lengths = _lengths(column)
    size = usual_size(lengths) if (lengths > 0).any() else LEAST_SIZE
    if size < LEAST_SIZE:
        return f"a vector has {LEAST_SIZE} numbers at least"
    if lengths.max(initial=0) > MOST_SIZE:
        return f"a vector has {MOST_SIZE} numbers at most"
    return ""


def in_single_precision(column: pa.Array) -> pa.Array:
    """Lists of numbers as lists of 32-bit floats; any other column as it is."""
    if not are_lists(column.type) or pa.types.is_float32(column.type.value_type):
        return column
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        return pc.cast(column, pa.list_(pa.float32(), kind.list_size), safe=False)
    return pc.cast(column, pa.large_list(pa.float32()), safe=False)


def packed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of numbers as they are kept. What a list lacks is NaN; an empty list is missing."""
    return pa.chunked_array([_packed(chunk) for chunk in column.chunks], PACKED)


def _packed(lists: pa.Array) -> pa.Array:
    lengths = _lengths(lists)
    numbers = in_single_precision(lists).flatten()
    numbers = numbers.fill_null(float("nan")) if numbers.null_count else numbers
    return _of_numbers(np.asarray(numbers.to_numpy(zero_copy_only=False), np.float32), lengths)


def _of_numbers(numbers: Array, lengths: Array) -> pa.Array:
    """Rows of so many numbers each; of none the row is missing."""
    if np.isnan(numbers).any():
        numbers = np.where(np.isnan(numbers), np.float32("nan"), numbers)  # of many NaNs one
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths * _BYTES, out=offsets[1:])
    there = lengths > 0
    valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little").tobytes())
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(numbers, np.float32))]
    return pa.Array.from_buffers(PACKED, len(lengths), buffers)


def from_values(values: Sequence[Any]) -> pa.Array | None:
    """JSON values as lists of numbers, where most of them are such; else None.

    A number alone is a list of one; all else counts as missing.
    """
    rows = [_numbers(value) for value in values]
    lengths = np.array([0 if row is None else len(row) for row in rows], np.int64)
    others = sum(value is not None and not isinstance(value, list) for value in values)
    most = np.count_nonzero([isinstance(value, list) for value in values])
    size = usual_size(lengths) if (lengths > 0).any() else 0
    if size < LEAST_SIZE or lengths.max() > MOST_SIZE or others > most:
        return None
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    numbers = np.concatenate([row for row in rows if row is not None])
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(numbers))


def _numbers(value: Any) -> Array | None:
    """The numbers of a list, NaN for null; None for anything else."""
    listed = value if isinstance(value, list) else [value]
    if not all(item is None or (isinstance(item, int | float) and not isinstance(item, bool)) for item in listed):
        return None
    if value is None or not listed:
        return None
    try:
        with np.errstate(over="ignore"):  # what is too large for single precision is infinite
            return np.array(listed, np.float64).astype(np.float32)
    except OverflowError:
        return None


def as_packed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column that holds vectors elsewhere, as vectors: numbers are vectors of one, and all else is missing."""
    if is_packed(column.type):
        return column
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return pa.chunked_array([pa.nulls(len(column), PACKED)])
    numbers = np.asarray(pc.cast(column, pa.float32(), safe=False).to_numpy(), np.float32)
    there = ~np.isnan(numbers)
    return pa.chunked_array([_of_numbers(numbers[there], there.astype(np.int64))])


def to_values(column: pa.ChunkedArray) -> list[list[float | None] | None]:
    """The vectors as JSON has them, in as few digits as read back to the same numbers."""
    rows = (None if row is None else np.frombuffer(row, np.float32) for row in column.to_pylist())
    return [None if row is None else _in_few_digits(row) for row in rows]


def _in_few_digits(row: Array) -> list[float | None]:
    return [None if isnan(number) else number for number in row.astype("U32").astype(np.float64).tolist()]


def all_finite(column: pa.ChunkedArray) -> bool:
    """Whether no number is infinite."""
    whole = b"".join(row for row in column.to_pylist() if row is not None)
    return not np.isinf(np.frombuffer(whole, np.float32)).any()


def content_of(column: pa.ChunkedArray) -> Iterator[bytes | memoryview]:
    """What a column of vectors holds, whatever its chunks: their sizes, and then their bytes."""
    yield sizes_of(column).astype(np.int64).tobytes()
    for chunk in column.chunks:
        if len(chunk) and chunk.buffers()[2] is not None:
            filled = chunk.fill_null(b"")
            first, last = (np.frombuffer(filled.buffers()[1], np.int64)[filled.offset + at] for at in (0, len(filled)))
            yield memoryview(filled.buffers()[2] or b"")[int(first) : int(last)]


def vectors_of(column: pa.ChunkedArray) -> Vectors:
    """The vectors as detectors take them."""

    def rows_at(places: Array) -> Array:
        taken = column.take(pa.array(places)).combine_chunks()
        chunks = taken.chunks if isinstance(taken, pa.ChunkedArray) else [taken]
        size = int(sizes[places[0]]) if len(places) else 0
        parts = [_matrix(chunk, size) for chunk in chunks]
        return np.concatenate(parts) if parts else np.zeros((0, size), np.float32)

    sizes = sizes_of(column)
    return Vectors(sizes, rows_at)


def sizes_of(column: pa.ChunkedArray) -> Array:
    """How many numbers each vector has; -1 where it is missing, 0 where it was left out."""
    lengths = pc.binary_length(column).fill_null(-_BYTES)
    return np.asarray(lengths.to_numpy()) // _BYTES


def thinned(column: pa.ChunkedArray, most: int) -> pa.ChunkedArray:
    """So many of the vectors at even distances; the others are left out, which is not missing."""
    if len(column) <= most:
        return column
    keep = np.zeros(len(column), bool)
    keep[np.linspace(0, len(column) - 1, most).astype(np.int64)] = True
    left_out = pc.if_else(pc.is_valid(column), pa.scalar(b"", PACKED), pa.scalar(None, PACKED))
    return pc.if_else(pa.array(keep), column, left_out)


def _matrix(column: pa.Array, size: int) -> Array:
    start, data = column.offset, column.buffers()[2]
    if not len(column) or not size:
        return np.zeros((len(column), size), np.float32)
    first = np.frombuffer(column.buffers()[1], np.int64)[start]
    return np.frombuffer(data, np.float32, len(column) * size, int(first)).reshape(len(column), size)


def _lengths(column: pa.ChunkedArray | pa.Array) -> Array:
    return np.asarray(pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)).astype(np.int64)
