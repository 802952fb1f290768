"""Which versions of a model predict, and from which batch on."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from bot.domain.event import RowsKind
from bot.model_store import windows
from bot.model_store.batches import KeptRows
from bot.model_store.frames import Frames
from bot.storage.blobs import Lost
from bot.storage.database import Database, table_of
from bot.storage.tables.models import ModelRowsRow

_ROWS = table_of(ModelRowsRow)
_LOOKED_AT = 200
_READ = 20


async def before(database: Database, model: str, holds: RowsKind, since: datetime) -> int:
    """The batch behind which those begin that hold predictions of a moment or later, or labels that came since."""
    at = _ROWS.c.last_at if holds is RowsKind.PREDICTIONS else _ROWS.c.received_at
    query = select(func.min(_ROWS.c.seq)).where(_ROWS.c.model == model, _ROWS.c.holds == holds.value, at >= since)
    async with database.read() as connection:
        first = await connection.scalar(query)
    return 0 if first is None else int(first) - 1


async def versions(
    database: Database,
    frames: Frames,
    model: str,
    span: tuple[datetime, datetime],
    domains: Collection[str] | None = None,
) -> Counter[str]:
    """How many rows each version predicted in the newest batches of a span of time, as far as rows name theirs.

    A batch of one version counts as a whole; of those with several, a few are read.
    """
    since, until = span
    mine = (_ROWS.c.model == model, _ROWS.c.holds == RowsKind.PREDICTIONS.value)
    query = select(_ROWS).where(*mine, _ROWS.c.last_at >= since, _ROWS.c.first_at < until)
    async with database.read() as connection:
        rows = (await connection.execute(query.order_by(_ROWS.c.seq.desc()).limit(_LOOKED_AT))).mappings().all()
    kept = [KeptRows(**{name: row[name] for name in KeptRows._fields}) for row in rows]
    found, read = Counter[str](), 0
    for one in kept:
        if domains is not None and (one.domain or "") not in domains:
            continue
        if one.version:
            found[one.version] += one.rows
        elif read < _READ:
            read += 1
            found += await _read(frames, one)
    return found


async def _read(frames: Frames, kept: KeptRows) -> Counter[str]:
    try:
        table = await windows.read(frames, kept, lambda name: name == "version")
    except Lost:
        return Counter()
    if "version" not in table.column_names:
        return Counter()
    counted = pc.value_counts(pc.cast(table["version"], pa.string()).drop_null())
    return Counter({one["values"]: one["counts"] for one in counted.to_pylist() if one["values"].strip()})
