"""Rows as a sender has them (pandas, polars, Arrow, plain lists), as Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import msgspec
import pyarrow as pa
from pyarrow import parquet

MOST_ROWS = 100_000
MOST_BYTES = 64 * 2**20
"""Of a table in memory: more rows or bytes are sent in parts."""


class Sent(msgspec.Struct, frozen=True):
    """How many rows were taken in, and by name what became of columns that were not taken as they came."""

    accepted: int = 0
    notes: dict[str, str] = {}

    def with_part(self, other: Self) -> "Sent":
        return Sent(self.accepted + other.accepted, self.notes | other.notes)


def parquet_of(rows: Any) -> bytes:
    """The bytes of a Parquet file. Takes what pandas and polars call a DataFrame, a ``pyarrow.Table``, a mapping of
    columns to values, or a list of rows. The index of pandas is left out. Raises TypeError for anything else.

    >>> parquet_of([{"price": 1.5}])[:4], parquet_of({"price": [1.5]})[:4]
    (b'PAR1', b'PAR1')
    """
    return written(table_of(rows))


def written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def parts_of(rows: Any) -> Iterator[pa.Table]:
    """The rows as tables of a size that is taken in one request; one of no rows is one part.

    >>> [part.num_rows for part in parts_of({"id": list(range(250_000))})]
    [100000, 100000, 50000]
    """
    table = table_of(rows)
    size = max(1, min(MOST_ROWS, MOST_BYTES * table.num_rows // max(table.nbytes, 1)))
    for start in range(0, max(table.num_rows, 1), size):
        yield table.slice(start, size)


def _column(values: Any) -> Any:
    """A matrix, such as embeddings, as a vector a row; else the values as they are."""
    if getattr(values, "ndim", 1) != 2:
        return values
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def table_of(rows: Any) -> pa.Table:
    """Raises TypeError for what holds no rows."""
    if isinstance(rows, pa.Table):
        return rows
    if hasattr(rows, "to_arrow"):  # polars
        return rows.to_arrow()
    if hasattr(rows, "iloc"):  # pandas
        return pa.Table.from_pandas(rows, preserve_index=False)
    if isinstance(rows, Mapping):
        return pa.table({name: _column(values) for name, values in rows.items()})
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return pa.Table.from_pylist(list(rows))
    raise TypeError(f"rows are a DataFrame, an Arrow table, columns or a list of rows, not {type(rows).__name__}")
