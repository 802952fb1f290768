"""The archive: what is deleted, written before as Parquet files by kind and day, beside the database or behind fsspec.

A file is named by what it holds, ``KIND/day=YYYY-MM-DD/FIRST-LAST.parquet``: written again after a crash it is the
same file. Readers such as pandas and DuckDB take the folder of a kind as one table.

What writes Parquet, and what reaches other places, is imported when something is written there.
"""

import asyncio
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Boolean, Column, Float, Integer, Table

from bot.errors import StorageUnavailable
from bot.storage.blobs import file_system_at, write_durably
from bot.storage.database import Database
from bot.storage.types import Json, UtcDateTime

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem


class Archive:
    """Raises StorageUnavailable where the place does not answer."""

    def __init__(self, address: str) -> None:
        """A folder, or an fsspec address. Raises ConfigError for one that fsspec cannot use."""
        self._system: AbstractFileSystem | None = None
        self._root = str(Path(address).absolute())
        if "://" in address:
            self._system, self._root = file_system_at(address.rstrip("/"), "TANDEM_ARCHIVE")

    async def put(self, kind: str, day: date, name: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
        """Write a file, over one of the same name; returns where it is in the archive. On return it is on disk."""
        file = f"{kind}/day={day.isoformat()}/{name}.parquet"
        await asyncio.to_thread(self._put, file, table, rows)
        return file

    @property
    def place(self) -> str:
        """Where it is, as readers name it; without a password."""
        return self._root if self._system is None else str(self._system.unstrip_protocol(self._root))

    async def reach(self) -> None:
        """See whether it takes files."""
        await asyncio.to_thread(self._reach)

    def _reach(self) -> None:
        probe = f"{self._root}/.probe"
        with _outages():
            if self._system is None:
                write_durably(Path(probe), b"tandem", Path(self._root))
                Path(probe).unlink()
                return
            self._system.makedirs(self._root, exist_ok=True)
            self._system.pipe_file(probe, b"tandem")
            self._system.rm_file(probe)

    def _put(self, file: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow.parquet as pq

        packed = io.BytesIO()
        pq.write_table(as_arrow(table, rows), packed, compression="zstd")
        path = f"{self._root}/{file}"
        with _outages():
            if self._system is None:
                write_durably(Path(path), packed.getbuffer(), Path(self._root))
                return
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._system.pipe_file(path, packed.getvalue())


@contextmanager
def _outages() -> Iterator[None]:
    """What is behind fsspec raises errors of its own libraries, which are no OSErrors: a bucket that cannot be reached,
    credentials that have run out."""
    try:
        yield
    except Exception as error:
        raise StorageUnavailable(f"the archive: {str(error) or type(error).__name__}") from error


def open_archive(database: Database, address: str | None = None) -> Archive:
    """The archive at an fsspec address or in a folder; without one, in the folder ``<stem>.archive`` beside SQLite's
    file, or ``.tandem/archive`` where the database is a server."""
    return Archive(address or _beside(database))


def _beside(database: Database) -> str:
    if not database.is_sqlite:
        return ".tandem/archive"
    path = Path(database.engine.url.database or "")
    return str(path.with_name(f"{path.stem}.archive"))


def ranged(first: int, last: int) -> str:
    """The name of a file with the rows from one number to another; such names sort like the numbers."""
    return f"{first:012}-{last:012}"


def digest_of_keys(keys: Iterable[Sequence[Any]]) -> str:
    """The name of a file whose rows have no order, by their keys."""
    return hashlib.sha256(msgspec.json.encode(sorted(map(list, keys)))).hexdigest()[:32]


def as_arrow(table: Table, rows: Sequence[Mapping[str, Any]], leave_out: Sequence[str] = ()) -> "pa.Table":
    """Rows of a table of ours with its columns' types: moments in UTC, what is structured as JSON text."""
    import pyarrow as pa

    columns = [column for column in table.columns if column.name not in leave_out]
    arrays = {column.name: pa.array([_plain(column, row) for row in rows], _type_of(column)) for column in columns}
    return pa.table(arrays)


def _plain(column: Column[Any], row: Mapping[str, Any]) -> Any:
    value = row[column.name]
    if isinstance(column.type, Json) and value is not None:
        return msgspec.json.encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _type_of(column: Column[Any]) -> "pa.DataType":
    import pyarrow as pa

    if isinstance(column.type, UtcDateTime):
        return pa.timestamp("us", tz="UTC")
    plain = ((Boolean, pa.bool_()), (Integer, pa.int64()), (Float, pa.float64()))
    return next((found for kind, found in plain if isinstance(column.type, kind)), pa.string())
