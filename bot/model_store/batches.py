"""Predictions and labels: which batches came in. Their tables: see :mod:`bot.model_store.windows`.

The stage :mod:`bot.pipeline.stages.keep_rows` notes every RowsEvent here before a watch sees it, in the same
transaction. A watch then asks for the batches behind the last ``seq`` that it looked at (``rows_after``), reads one
with ``windows.read``, or asks for a window. Nothing here brings pyarrow: a Tandem without models does without it.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import RowsEvent, RowsKind, domain_of
from bot.model_store import unused_files
from bot.model_store.frames import file_of
from bot.storage.database import chunks, table_of
from bot.storage.tables.models import IdSegmentRow, ModelRowsRow

_SEGMENT = table_of(IdSegmentRow)
_ROWS = table_of(ModelRowsRow)
_PAGE = 500


class KeptRows(NamedTuple):
    """A batch that came in. ``first_at`` and ``last_at``: of its rows' timestamps, or its receipt."""

    seq: int
    model: str
    holds: RowsKind
    digest: str
    inline: bytes | None
    rows: int
    version: str
    first_at: datetime
    last_at: datetime
    received_at: datetime
    domain: str | None = None


async def note_rows(
    connection: AsyncConnection, came: Sequence[tuple[datetime, RowsEvent]], partition_by: Sequence[str] = ()
) -> None:
    """Keep account of batches, each with the moment of its receipt. The same predictions again are not noted again, nor
    the same labels under the same key."""
    for received_at, event in came:
        domain = domain_of(event.labels, partition_by)
        told_apart = event.holds is RowsKind.PREDICTIONS or event.key
        if event.digest and told_apart and await _is_noted(connection, event, domain):
            continue
        row = {
            "model": event.model,
            "holds": event.holds.value,
            "digest": event.digest,
            "inline": bytes(event.inline) or None,
            "rows": event.rows,
            "version": event.version,
            "first_at": event.first_at or received_at,
            "last_at": event.last_at or received_at,
            "received_at": received_at,
            "domain": domain,
            "key": event.key or None,
        }
        await connection.execute(insert(_ROWS), row)


async def rows_after(
    connection: AsyncConnection,
    model: str,
    seq: int,
    limit: int = 1000,
    holds: RowsKind | None = None,
    domain: str | None = None,
) -> list[KeptRows]:
    """The next batches of a model behind ``seq``, in the order in which they were worked through; of a domain those
    that came in it, or before domains were kept."""
    query = select(_ROWS).where(_ROWS.c.model == model, _ROWS.c.seq > seq).order_by(_ROWS.c.seq).limit(limit)
    query = query if domain is None else query.where(_of_domain(domain))
    return await _kept(connection, query if holds is None else query.where(_ROWS.c.holds == holds.value))


async def by_seq(connection: AsyncConnection, model: str, seqs: Sequence[int], domain: str = "") -> list[KeptRows]:
    """Batches by number; of a domain those that came in it or in none."""
    query = select(_ROWS).where(_ROWS.c.model == model).order_by(_ROWS.c.seq)
    if domain:
        query = query.where(or_(_of_domain(domain), _ROWS.c.domain == ""))
    found = list[KeptRows]()
    for chunk in chunks(seqs):
        found += await _kept(connection, query.where(_ROWS.c.seq.in_(chunk)))
    return sorted(found)


async def newest(connection: AsyncConnection, model: str, holds: RowsKind) -> KeptRows | None:
    """The batch of a model that came last: how fresh its data is."""
    kinds = [holds.value, *([RowsKind.STATISTICS.value] if holds is RowsKind.PREDICTIONS else [])]
    mine = (_ROWS.c.model == model, _ROWS.c.holds.in_(kinds))
    found = await _kept(connection, select(_ROWS).where(*mine).order_by(_ROWS.c.seq.desc()).limit(1))
    return found[0] if found else None


async def models(connection: AsyncConnection) -> dict[str, datetime]:
    """The models that sent anything, each with when it last did."""
    query = select(_ROWS.c.model, func.max(_ROWS.c.received_at)).group_by(_ROWS.c.model)
    return {model: at for model, at in await connection.execute(query)}


async def coverage(connection: AsyncConnection, model: str) -> float | None:
    """For which share of the predictions that are kept labels came; None where none are kept."""
    query = select(_ROWS.c.holds, func.sum(_ROWS.c.rows)).where(_ROWS.c.model == model).group_by(_ROWS.c.holds)
    rows = {holds: int(count) for holds, count in await connection.execute(query)}
    predictions = rows.get(RowsKind.PREDICTIONS.value, 0)
    return min(rows.get(RowsKind.LABELS.value, 0) / predictions, 1.0) if predictions else None


async def remove_before(connection: AsyncConnection, received_before: datetime, now: datetime) -> int:
    """Remove what came before a moment; its files go a while later. Returns how many batches it were."""
    old = _ROWS.c.received_at < received_before
    digests = {digest for (digest,) in await connection.execute(select(_ROWS.c.digest).where(old)) if digest}
    result = await connection.execute(delete(_ROWS).where(old))
    await unused_files.note(connection, [file_of(digest) for digest in digests], now)
    return result.rowcount


async def forget_segments(connection: AsyncConnection, now: datetime) -> None:
    """Segments of batches that are gone are needed no more."""
    oldest = select(func.min(_ROWS.c.seq)).where(_ROWS.c.model == _SEGMENT.c.model).scalar_subquery()
    gone = _SEGMENT.c.last_seq < func.coalesce(oldest, _SEGMENT.c.last_seq + 1)
    names = [name for (name,) in await connection.execute(select(_SEGMENT.c.name).where(gone))]
    await connection.execute(delete(_SEGMENT).where(_SEGMENT.c.name.in_(names)))
    await unused_files.note(connection, names, now)


def _of_domain(domain: str) -> ColumnElement[bool]:
    return or_(_ROWS.c.domain == domain, _ROWS.c.domain.is_(None))


async def _is_noted(connection: AsyncConnection, event: RowsEvent, domain: str) -> bool:
    same: tuple[ColumnElement[bool], ...] = (
        _of_domain(domain),
        _ROWS.c.digest == event.digest,
        _ROWS.c.model == event.model,
        _ROWS.c.holds == event.holds.value,
    )
    if event.holds is not RowsKind.PREDICTIONS:  # a label may come back to what it was; only its sender can tell
        same = (*same, _ROWS.c.key == event.key)
    return await connection.scalar(select(_ROWS.c.seq).where(*same).limit(1)) is not None


async def _kept(connection: AsyncConnection, query: Select[Any]) -> list[KeptRows]:
    rows = (await connection.execute(query)).mappings().all()
    return [
        KeptRows(**{name: row[name] for name in KeptRows._fields} | {"holds": RowsKind(row["holds"])}) for row in rows
    ]


async def newest_first(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[KeptRows]:
    before: int | None = None
    while True:
        page = query if before is None else query.where(_ROWS.c.seq < before)
        found = await _kept(connection, page.order_by(_ROWS.c.seq.desc()).limit(_PAGE))
        for kept in found:
            yield kept
        if len(found) < _PAGE:
            return
        before = found[-1].seq
