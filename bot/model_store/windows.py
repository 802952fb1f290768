"""Windows over predictions and labels, as tables. Columns: see :mod:`bot.model_store.columns`; as arrays for detectors:
``columns.features_of``.

A prediction's id tells it apart: of rows with one id the first counts, and what it lacks the later ones add (a server
that logs the request and the response apart names both alike).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import RowsKind
from bot.model_store.batches import KeptRows, newest_first
from bot.model_store.columns import LABELS, MOMENT, stacked
from bot.model_store.frames import Columns, Frames
from bot.model_store.joining import joined_with, once_per_id
from bot.model_store.json_rows import table_of_inline
from bot.storage.blobs import Lost
from bot.storage.database import table_of
from bot.storage.tables.models import ModelRowsRow
from detectors.drift.packing import Array

_ROWS = table_of(ModelRowsRow)
MOST_ROWS = 2_000_000
"""Of a window with more, the newest batches that come to this many rows are read."""
MOST_BYTES = 2**29
"""The same in memory: a million vectors of 768 numbers are three gigabytes."""
_EMPTY = pa.table({"id": pa.array([], pa.string()), "timestamp": pa.array([], MOMENT)})
_LABELS_BEFORE = timedelta(days=1)
"""So far may the clock of who labels be behind that of who predicts."""

log = structlog.get_logger(__name__)


class Labelled(NamedTuple):
    """Predictions of a window that have a label, oldest first: ``table`` has the columns ``label`` and ``labelled_at``
    besides. ``predictions`` is how many the window holds, ``contradicting`` how many have different labels."""

    table: pa.Table
    predictions: int
    contradicting: int


async def read(frames: Frames, kept: KeptRows, columns: Columns | None = None, rows: Array | None = None) -> pa.Table:
    """A batch as it came; ``timestamp`` is the batch's receipt where a row names no moment of its own. Raises Lost.

    ``columns`` and ``rows`` say which of these are wanted.
    """
    if kept.inline is None:
        wanted = None if columns is None else lambda name: name == "timestamp" or columns(name)
        table = await frames.get_some(kept.digest, wanted, rows)
    else:
        table = table_of_inline(kept.inline, kept.holds)
        table = table if rows is None else table.take(pa.array(rows))
    given = table["timestamp"] if "timestamp" in table.column_names else pa.nulls(table.num_rows, MOMENT)
    at = pc.fill_null(pc.cast(given, MOMENT), pa.scalar(kept.received_at, MOMENT))
    others = [name for name in table.column_names if name != "timestamp"]
    return table.select(others).append_column("timestamp", at)


async def window_by_time(
    connection: AsyncConnection,
    frames: Frames,
    model: str,
    since: datetime,
    until: datetime,
    version: str | None = None,
) -> pa.Table:
    """The predictions with a timestamp in [since, until), oldest first, each id once; of one model version if asked."""
    batches = await _batches(connection, model, since, until)
    table = once_per_id(await _stack(frames, batches))
    inside = pc.and_(
        pc.greater_equal(table["timestamp"], pa.scalar(since, MOMENT)),
        pc.less(table["timestamp"], pa.scalar(until, MOMENT)),
    )
    return _of_version(table.filter(inside), version).sort_by("timestamp")


async def window_by_count(
    connection: AsyncConnection, frames: Frames, model: str, count: int, version: str | None = None
) -> pa.Table:
    """The last ``count`` predictions by their timestamps, oldest first, each id once; fewer where there are no more."""
    query = select(_ROWS).where(_ROWS.c.model == model, _ROWS.c.holds == RowsKind.PREDICTIONS.value)
    tables, rows, enough, table = list[pa.Table](), 0, count, _EMPTY
    async for kept in newest_first(connection, query):
        tables.append(await _stack(frames, [kept]))
        rows += tables[-1].num_rows
        if rows >= min(enough, MOST_ROWS):
            table, enough = _merged(tables, version), 2 * rows  # requests and responses that are logged apart are one
            if table.num_rows >= count or rows >= MOST_ROWS:
                break
    else:
        table = _merged(tables, version)
    return table.slice(max(table.num_rows - count, 0))


async def labelled(
    connection: AsyncConnection,
    frames: Frames,
    model: str,
    since: datetime,
    until: datetime,
    version: str | None = None,
) -> Labelled:
    """The window's predictions joined with their labels by id, however late these came; the last label holds."""
    predictions = await window_by_time(connection, frames, model, since, until, version)
    labels = await _labels(connection, frames, model, since - _LABELS_BEFORE)
    joined, contradicting = joined_with([predictions], labels)
    return Labelled(joined, len(predictions), contradicting)


def _merged(newest_first: Sequence[pa.Table], version: str | None) -> pa.Table:
    return _of_version(once_per_id(stacked([_EMPTY, *newest_first[::-1]])), version).sort_by("timestamp")


async def _batches(connection: AsyncConnection, model: str, since: datetime, until: datetime) -> list[KeptRows]:
    """The batches that may hold predictions of a span of time, in the order in which they came."""
    query = select(_ROWS).where(
        _ROWS.c.model == model,
        _ROWS.c.holds == RowsKind.PREDICTIONS.value,
        _ROWS.c.last_at >= since,
        _ROWS.c.first_at < until,
    )
    return await _bounded(connection, query)


async def _bounded(connection: AsyncConnection, query: Select[Any]) -> list[KeptRows]:
    """The newest batches that come to MOST_ROWS, in the order in which they came."""
    batches, rows = list[KeptRows](), 0
    async for kept in newest_first(connection, query):
        rows += kept.rows
        if rows > MOST_ROWS and batches:
            log.warning("model_data.window_cut", model=kept.model, most_rows=MOST_ROWS)
            break
        batches.append(kept)
    return batches[::-1]


async def _labels(connection: AsyncConnection, frames: Frames, model: str, received_since: datetime) -> pa.Table:
    query = select(_ROWS).where(
        _ROWS.c.model == model, _ROWS.c.holds == RowsKind.LABELS.value, _ROWS.c.received_at >= received_since
    )
    return await _stack(frames, await _bounded(connection, query), only=LABELS)


async def _stack(frames: Frames, batches: Sequence[KeptRows], only: Sequence[str] | None = None) -> pa.Table:
    """The rows of the newest batches that come to MOST_BYTES, one below the other; a batch whose file was lost is
    missed, and said so."""
    tables, size = list[pa.Table](), 0
    for kept in reversed(batches):
        try:
            table = await read(frames, kept)
        except Lost as error:
            log.warning("model_data.lost", model=kept.model, reason=str(error))
            continue
        tables.append(table if only is None else table.select([name for name in only if name in table.column_names]))
        size += tables[-1].nbytes
        if size >= MOST_BYTES:
            log.warning("model_data.window_cut", model=kept.model, most_bytes=MOST_BYTES)
            break
    return stacked([_EMPTY, *tables[::-1]])


def _of_version(table: pa.Table, version: str | None) -> pa.Table:
    if version is None:
        return table
    if "version" not in table.column_names:
        return table.slice(0, 0)
    return table.filter(pc.fill_null(pc.equal(pc.cast(table["version"], pa.string()), version), False))
