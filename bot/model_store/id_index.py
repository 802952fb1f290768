"""Where the predictions with given ids are: an index on disk, so that a label costs the same however many are kept.

Batches are indexed when labels are to be joined, in the order in which they came: each one's ids become a segment, and
many small segments one larger. Segments are files beside the batches, and never change; the database says which count.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import RowsKind
from bot.model_store import batches, id_segments, unused_files, windows
from bot.model_store.batches import KeptRows
from bot.model_store.frames import Frames
from bot.model_store.id_segments import Segment
from bot.storage.blobs import Lost
from bot.storage.database import Database, table_of
from bot.storage.tables.models import IdSegmentRow, ModelRowsRow
from detectors.drift.packing import Array

_SEGMENT = table_of(IdSegmentRow)
_ROWS = table_of(ModelRowsRow)
MOST_ROWS = 2_000_000
"""Of a segment: what takes part in a merge is in memory."""
_MOST_SMALL = 8
_BATCHES_AT_ONCE = 500
_ROWS_AT_ONCE = 500_000
_OTHERS_WRITE = 64
"""With several writers, so many of the newest batches may yet be preceded by others: they are looked through."""

log = structlog.get_logger(__name__)


class Indexed(NamedTuple):
    """A segment that counts: of the batches up to ``last_seq``."""

    name: str
    model: str
    rows: int
    first_seq: int
    last_seq: int


async def places_of(database: Database, frames: Frames, model: str, hashes: Array, now: datetime) -> dict[int, Array]:
    """The rows that may have ids of these hashes (ascending), by batch; the index is brought up to date before."""
    segments = await _up_to_date(database, frames, model, now)
    found = [await frames.find_in_segment(one.name, hashes) for one in segments]
    async with database.read() as connection:
        after = max((one.last_seq for one in segments), default=0)
        fresh = await batches.rows_after(connection, model, after, _OTHERS_WRITE * 4, RowsKind.PREDICTIONS)
    for kept in fresh:
        found.append(await asyncio.to_thread(id_segments.found, await _segment(frames, kept), hashes))
    return await asyncio.to_thread(lambda: id_segments.rows_by_batch(id_segments.together(found)))


async def _up_to_date(database: Database, frames: Frames, model: str, now: datetime) -> list[Indexed]:
    """The segments, after all batches that cannot be preceded by others any more are in them."""
    while True:
        async with database.read() as connection:
            segments = await _segments(connection, model)
            after = max((one.last_seq for one in segments), default=0)
            kept = await batches.rows_after(connection, model, after, _BATCHES_AT_ONCE, RowsKind.PREDICTIONS)
            newest = await connection.scalar(select(func.max(_ROWS.c.seq))) or 0
        settled = newest if database.is_sqlite else newest - _OTHERS_WRITE
        taken = _some(kept, settled)
        if not taken:
            return segments
        segment = await asyncio.to_thread(id_segments.merged, [await _segment(frames, one) for one in taken])
        new = await _stored(frames, segment, model, taken[0].seq, taken[-1].seq)
        replaced = _to_merge([*segments, new])
        if replaced:
            new = await _merged(frames, model, replaced, segment)
        await _save(database, model, segments, new, replaced, now)


def _some(kept: Sequence[KeptRows], settled: int) -> list[KeptRows]:
    taken, rows = list[KeptRows](), 0
    for one in kept:
        rows += one.rows
        if one.seq > settled or (taken and rows > _ROWS_AT_ONCE):
            break
        taken.append(one)
    return taken


def _to_merge(segments: Sequence[Indexed]) -> list[Indexed]:
    """The newest segments that together are no more than one may be, where they are many."""
    small, rows = list[Indexed](), 0
    for one in reversed(segments):
        rows += one.rows
        if rows > MOST_ROWS:
            break
        small.append(one)
    return small[::-1] if len(small) >= _MOST_SMALL else []


async def _merged(frames: Frames, model: str, some: Sequence[Indexed], newest: Segment) -> Indexed:
    read = [await frames.get_segment(one.name) for one in some[:-1]]
    whole = await asyncio.to_thread(id_segments.merged, [*read, newest])
    return await _stored(frames, whole, model, some[0].first_seq, some[-1].last_seq)


async def _segment(frames: Frames, kept: KeptRows) -> Segment:
    try:
        ids = (await windows.read(frames, kept, lambda name: name == "id"))["id"]
    except Lost as error:
        log.warning("model_data.lost", model=kept.model, reason=str(error))
        return id_segments.merged([])
    return await asyncio.to_thread(id_segments.segment_of, ids, kept.seq)


async def _stored(frames: Frames, segment: Segment, model: str, first_seq: int, last_seq: int) -> Indexed:
    packed = await asyncio.to_thread(segment.packed)
    name = f"{hashlib.blake2b(packed + model.encode(), digest_size=20).hexdigest()}.ids"
    await frames.put_bytes(name, packed)
    return Indexed(name, model, len(segment.hashes), first_seq, last_seq)


async def _segments(connection: AsyncConnection, model: str) -> list[Indexed]:
    rows = await connection.execute(select(_SEGMENT).where(_SEGMENT.c.model == model).order_by(_SEGMENT.c.first_seq))
    return [
        Indexed(row["name"], row["model"], row["rows"], row["first_seq"], row["last_seq"]) for row in rows.mappings()
    ]


async def _save(
    database: Database,
    model: str,
    before: Sequence[Indexed],
    new: Indexed,
    replaced: Sequence[Indexed],
    now: datetime,
) -> None:
    """Let the new segment count, unless somebody else was faster: then what was done is not needed."""
    async with database.write() as connection:
        if await _segments(connection, model) != list(before):
            await unused_files.note(connection, [new.name], now)
            return
        names = [one.name for one in replaced if one in before]
        await connection.execute(delete(_SEGMENT).where(_SEGMENT.c.name.in_(names)))
        await connection.execute(insert(_SEGMENT), new._asdict() | {"created_at": now})
        await unused_files.note(connection, names, now)
