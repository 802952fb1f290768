"""Rows as a sender has them (pandas, polars, Arrow, plain lists), as Parquet."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet


def parquet_of(rows: Any) -> bytes:
    """The bytes of a Parquet file. Takes what pandas and polars call a DataFrame, a ``pyarrow.Table``, a mapping of
    columns to values, or a list of rows. The index of pandas is left out. Raises TypeError for anything else.

    >>> parquet_of([{"price": 1.5}])[:4], parquet_of({"price": [1.5]})[:4]
    (b'PAR1', b'PAR1')
    """
    sink = pa.BufferOutputStream()
    parquet.write_table(_table(rows), sink)
    return bytes(sink.getvalue())


def _table(rows: Any) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    if hasattr(rows, "to_arrow"):  # polars
        return rows.to_arrow()
    if hasattr(rows, "iloc"):  # pandas
        return pa.Table.from_pandas(rows, preserve_index=False)
    if isinstance(rows, Mapping):
        return pa.table(dict(rows))
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return pa.Table.from_pylist(list(rows))
    raise TypeError(f"rows are a DataFrame, an Arrow table, columns or a list of rows, not {type(rows).__name__}")
