"""Frames: tables kept as Parquet files that are named by their content, beside the database or wherever fsspec reaches.

A file never changes: whoever knows a digest reads the same table for as long as it is kept, whatever became of the
reference or the batch that it came with.

What reads and writes tables is imported by the threads that do it: a Tandem without models does without pyarrow.
"""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar

from bot.errors import StorageUnavailable
from bot.storage.blobs import SERVER_FOLDER, Blobs, Folder, Lost, open_blobs
from bot.storage.database import Database

if TYPE_CHECKING:
    import pyarrow as pa

    from bot.model_store.id_segments import Segment
    from detectors.drift.packing import Array

_AT_ONCE = 2
"""Tables that are packed or unpacked at the same time: each may take a gigabyte."""
_GROUP = 2**16
"""Rows that are read together where some of them are wanted."""
Columns: TypeAlias = Callable[[str], bool]
Found = TypeVar("Found")


class Frames:
    """The store. Nothing blocks the event loop; raises StorageUnavailable where the place does not answer."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def put(self, table: "pa.Table") -> str:
        """Keep a table and return its digest: the same data has the same, however it was laid out.

        On return it is on disk. Raises Unfit for a table with nested or binary columns.
        """
        async with self._turn:
            return await asyncio.to_thread(self._put, table)

    async def get(self, digest: str) -> "pa.Table":
        """The table in its canonical form: columns by name. Raises Lost."""
        async with self._turn:
            return await asyncio.to_thread(self._get, digest)

    async def get_some(self, digest: str, columns: Columns | None, rows: "Array | None" = None) -> "pa.Table":
        """The columns whose names ``columns`` takes, and of many rows those at these places, ascending. Raises Lost."""
        async with self._turn:
            return await asyncio.to_thread(self._get_some, digest, columns, rows)

    async def get_segment(self, name: str) -> "Segment":
        """A segment of the index of ids. Raises Lost."""
        return await asyncio.to_thread(self._read_segment, name)

    async def find_in_segment(self, name: str, hashes: "Array") -> "Array":
        """The places in a segment of ids that have these hashes, ascending. Raises Lost."""
        return await asyncio.to_thread(self._find_in_segment, name, hashes)

    async def exists(self, digest: str) -> bool:
        return await asyncio.to_thread(self._blobs.has, file_of(digest))

    async def drop(self, digest: str) -> None:
        await asyncio.to_thread(self._blobs.drop, file_of(digest))

    async def put_bytes(self, name: str, data: bytes) -> None:
        """Keep something small that was made of a frame, under a name that its content or the frame's gives it."""
        await asyncio.to_thread(self._blobs.put, name, data)

    async def get_bytes(self, name: str) -> bytes:
        """Raises Lost."""
        return await asyncio.to_thread(self._blobs.get, name)

    async def drop_idle(self, name: str, idle_seconds: float) -> bool:
        """Remove a file by name, unless it was written lately; says whether it is gone."""
        return await asyncio.to_thread(self._blobs.drop, name, idle_seconds)

    @property
    def place(self) -> str:
        """Where it is, in words, without a password."""
        return self._blobs.place

    async def reach(self) -> None:
        """See whether it takes files and gives them back. Raises StorageUnavailable."""
        await asyncio.to_thread(self._reach)

    def _reach(self) -> None:
        name, content = f"probe-{secrets.token_hex(8)}", b"tandem"
        self._blobs.put(name, content)
        if self._blobs.get(name) != content:
            raise StorageUnavailable(f"the store of model data: {self.place} gives back other bytes than it took")
        self._blobs.drop(name)

    def _put(self, table: "pa.Table") -> str:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from bot.model_store.columns import canonical, digest_of

        plain = canonical(table)
        digest = digest_of(plain)
        packed = pa.BufferOutputStream()  # a file of Python's would hold the event loop up with each piece
        pq.write_table(plain, packed, compression="zstd", compression_level=1, row_group_size=_GROUP)
        self._blobs.put(file_of(digest), memoryview(packed.getvalue()))
        return digest

    def _get_some(self, digest: str, columns: Columns | None, rows: "Array | None") -> "pa.Table":
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._blobs.open(file_of(digest)) as raw, pq.ParquetFile(raw) as file:
            names = [name for name in file.schema_arrow.names if columns is None or columns(name)]
            if rows is None:
                return file.read(names)
            starts = np.cumsum([0, *(file.metadata.row_group(at).num_rows for at in range(file.num_row_groups))])
            group = starts.searchsorted(rows, "right") - 1
            parts = [
                file.read_row_group(at, names).take(pa.array(rows[group == at] - starts[at]))
                for at in np.unique(group).tolist()
            ]
            return pa.concat_tables(parts) if parts else file.schema_arrow.empty_table().select(names)

    def _read_segment(self, name: str) -> "Segment":
        from bot.model_store import id_segments

        return self._in_segment(name, id_segments.read)

    def _find_in_segment(self, name: str, hashes: "Array") -> "Array":
        from bot.model_store import id_segments

        return self._in_segment(name, lambda file: id_segments.find(file, hashes))

    def _in_segment(self, name: str, work: Callable[[BinaryIO], Found]) -> Found:
        try:
            with self._blobs.open(name) as file:
                return work(file)
        except ValueError as error:
            raise Lost(f"{name}: {error}") from error

    def _get(self, digest: str) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(self._blobs.get(file_of(digest))))


def file_of(digest: str) -> str:
    """The name of a frame's file, for whoever keeps account of files."""
    return f"{digest}.parquet"


def open_frames(database: Database, address: str | None = None) -> Frames:
    """The store at an fsspec address or a folder; without one, in the folder ``<stem>.models`` beside SQLite's file, or
    ``.tandem/models`` where the database is a server. Raises ConfigError for an address that cannot be used."""
    return Frames(open_blobs(address) if address else Folder(_beside(database)))


def _beside(database: Database) -> Path:
    if not database.is_sqlite:
        return Path(SERVER_FOLDER)
    path = Path(database.engine.url.database or "")
    return path.with_name(f"{path.stem}.models")
