"""Frames: tables kept as Parquet files that are named by their content, beside the database or wherever fsspec reaches.

A file never changes: whoever knows a digest reads the same table for as long as it is kept, whatever became of the
reference or the batch that it came with.
"""

import asyncio
import io
import secrets
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bot.errors import StorageUnavailable
from bot.model_store.columns import canonical, digest_of
from bot.storage.blobs import SERVER_FOLDER, Blobs, Folder, open_blobs
from bot.storage.database import Database

_AT_ONCE = 2
"""Tables that are packed or unpacked at the same time: each may take a gigabyte."""


class Frames:
    """The store. Nothing blocks the event loop; raises StorageUnavailable where the place does not answer."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def put(self, table: pa.Table) -> str:
        """Keep a table and return its digest: the same data has the same, however it was laid out.

        On return it is on disk. Raises Unfit for a table with nested or binary columns.
        """
        async with self._turn:
            return await asyncio.to_thread(self._put, table)

    async def get(self, digest: str) -> pa.Table:
        """The table in its canonical form: columns by name. Raises Lost."""
        async with self._turn:
            return await asyncio.to_thread(self._get, digest)

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

    def _put(self, table: pa.Table) -> str:
        plain = canonical(table)
        digest = digest_of(plain)
        packed = io.BytesIO()
        pq.write_table(plain, packed, compression="zstd", compression_level=1)
        self._blobs.put(file_of(digest), packed.getbuffer())
        return digest

    def _get(self, digest: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self._blobs.get(file_of(digest))))


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
