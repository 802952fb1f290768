"""Reads an uploaded Parquet file, within bounded memory."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bot.errors import TooLarge, Unfit
from bot.model_store.features.vectors import in_single_precision

MOST_ROWS = 10_000_000
MOST_COLUMNS = 12_000
MOST_BYTES = 2**30
"""Of the table in memory."""
_ROWS_AT_ONCE = 2**15
_READ_AHEAD = 2**20
"""Bytes of each column; without a bound a row group, which may be the whole file, is read at once."""


def read_parquet(path: Path, most_bytes: int = MOST_BYTES) -> pa.Table:
    """The table of a file. Raises TooLarge, and Unfit for what is no Parquet or broken.

    What the file says of itself is looked at first. As it may lie, and as a text that is written once may stand in
    every row, the size is counted while reading, before any text is written out.
    """
    try:
        metadata = pq.read_metadata(path)
        _check_size(metadata, most_bytes)
        with pq.ParquetFile(path, read_dictionary=_texts(metadata), buffer_size=_READ_AHEAD) as file:
            table = _read(file, most_bytes)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unfit(f"the file is no Parquet that can be read: {error}") from error
    return table


def _check_size(metadata: pq.FileMetaData, most_bytes: int) -> None:
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    sizes = (
        (metadata.num_rows, MOST_ROWS, "rows"),
        (metadata.num_columns, MOST_COLUMNS, "columns"),
        (sum(group.total_byte_size for group in groups), most_bytes, "bytes when it is unpacked"),
        (metadata.num_rows * metadata.num_columns // 8, most_bytes, "bytes as a table"),
    )
    for has, most, of_what in sizes:
        if has > most:
            raise TooLarge(f"The file has {has} {of_what}; at most {most} are taken at once.")


def _texts(metadata: pq.FileMetaData) -> list[str]:
    columns = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _read(file: pq.ParquetFile, most_bytes: int) -> pa.Table:
    batches, size = list[pa.RecordBatch](), 0
    for batch in file.iter_batches(_ROWS_AT_ONCE):
        size += sum(_written_out(column) for column in batch.columns)
        if size > most_bytes:
            raise TooLarge(f"The file has more than {most_bytes} bytes as a table, which is the most taken at once.")
        batches.append(_in_single_precision(batch))
    return pa.Table.from_batches(batches, file.schema_arrow if not batches else None)


def _in_single_precision(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Vectors take half of the memory so, before all of them are there."""
    columns = [in_single_precision(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _written_out(column: pa.Array) -> int:
    """A column's size in memory with its texts written out in every row."""
    if pa.types.is_struct(column.type):
        return sum(_written_out(child) for child in column.flatten())
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(column.indices.nbytes) + int(pc.sum(lengths).as_py() or 0)
