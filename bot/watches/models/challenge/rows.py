"""The predictions of two versions of a model, and their labels, in the order in which they came.

What was read so far is a matter of the stored batches alone, so that whoever reads them again, on another replica or
after a restart, comes to the same.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.event import RowsKind
from bot.domain.watched.contest import Contest
from bot.model_store import batches, id_index, id_segments, serving, windows
from bot.model_store.batches import KeptRows
from bot.model_store.columns import MOMENT, SCORE, stacked
from bot.model_store.frames import Frames
from bot.model_store.joining import last_label
from bot.storage.database import Database
from bot.watches.models.window import Table, chosen, table_of
from detectors.drift.packing import Array

_BATCHES = 500
_LABELS = 5_000
_NEEDED = ("id", "prediction", "score", "version")
_SIDE, _SEQ = "side", "seq"


class Side(NamedTuple):
    """Rows of one version: with labels, which a batch of labels brought, or without."""

    table: Table

    @property
    def ids(self) -> Sequence[object]:
        return [] if self.table.ids is None else self.table.ids.tolist()


class Reader:
    """Reads what a contest is decided by."""

    def __init__(self, database: Database, frames: Frames) -> None:
        self._database, self._frames = database, frames

    async def predicted(self, contest: Contest, after: int) -> tuple[int, list[tuple[Side, Side]], bool]:
        """The next predictions behind a batch, a pair of both versions' rows a batch; up to which batch they go, and
        whether there are more."""
        kept = await self._kept(contest, RowsKind.PREDICTIONS, after)
        found = []
        for one in kept:
            if _may_hold(one, contest):
                table = await asyncio.to_thread(_chosen, await self._read(one), one, contest)
                found.append((_side(table, 0), _side(table, 1)))
        return (kept[-1].seq if kept else after), found, len(kept) == _BATCHES

    async def labelled(self, contest: Contest, after: int, now: datetime) -> tuple[int, list[tuple[Side, Side]], bool]:
        """The next labels behind a batch, with the predictions that they are for: of those that came before them."""
        kept, rows = list[KeptRows](), 0
        page = await self._kept(contest, RowsKind.LABELS, after)
        for one in page:
            kept.append(one)
            rows += one.rows
            if rows >= _LABELS:
                break
        mine = [one for one in kept if _is_of(one, contest.domains)]
        if not mine:
            return (kept[-1].seq if kept else after), [], len(page) == _BATCHES
        labels = [await windows.read(self._frames, one) for one in mine]
        predictions = await self._predictions_of(contest, labels, now)
        found = await asyncio.to_thread(_joined, predictions, mine, labels)
        return kept[-1].seq, found, len(kept) < len(page) or len(page) == _BATCHES

    async def begin(self, contest: Contest) -> tuple[int, int]:
        """Behind which batches of predictions and of labels the contest begins."""
        of = (self._database, contest.model)
        return (
            await serving.before(*of, RowsKind.PREDICTIONS, contest.since),
            await serving.before(*of, RowsKind.LABELS, contest.since),
        )

    async def _kept(self, contest: Contest, holds: RowsKind, after: int) -> list[KeptRows]:
        async with self._database.read() as connection:
            return await batches.rows_after(connection, contest.model, after, _BATCHES, holds)

    async def _read(self, kept: KeptRows, rows: Array | None = None) -> pa.Table:
        return await windows.read(self._frames, kept, lambda name: name in _NEEDED or name.startswith(SCORE), rows)

    async def _predictions_of(self, contest: Contest, labels: Sequence[pa.Table], now: datetime) -> pa.Table:
        ids = await asyncio.to_thread(lambda: pc.unique(pa.chunked_array([c for t in labels for c in t["id"].chunks])))
        hashes = await asyncio.to_thread(lambda: np.unique(id_segments.hashes_of(pa.chunked_array([ids]))))
        places = await id_index.places_of(self._database, self._frames, contest.model, hashes, now)
        async with self._database.read() as connection:
            holding = await batches.by_seq(connection, contest.model, list(places))
        some = []
        for one in holding:
            if _may_hold(one, contest):
                some.append(_chosen(await self._read(one, np.unique(places[one.seq])), one, contest))
        return await asyncio.to_thread(stacked, some) if some else _NOTHING


_NOTHING = pa.table(
    {
        "id": pa.array([], pa.string()),
        "timestamp": pa.array([], MOMENT),
        _SIDE: pa.array([], pa.int64()),
        _SEQ: pa.array([], pa.int64()),
    }
)


def _may_hold(kept: KeptRows, contest: Contest) -> bool:
    """Whether a batch may have rows of either version: one that names its version is of no other."""
    of_either = not kept.version or kept.version.strip() in contest.sides
    return of_either and kept.last_at >= contest.since and _is_of(kept, contest.domains)


def _is_of(kept: KeptRows, domains: Collection[str] | None) -> bool:
    return domains is None or (kept.domain or "") in domains


def _chosen(table: pa.Table, kept: KeptRows, contest: Contest) -> pa.Table:
    """The rows of both versions since the contest began, each with its side and its batch."""
    versions = [kept.version] * table.num_rows
    if "version" in table.column_names:
        versions = [one if one is not None else "" for one in pc.cast(table["version"], pa.string()).to_pylist()]
    places = {contest.version: 0, contest.against: 1}
    side = pa.array([places.get(one.strip(), -1) for one in versions], pa.int64())
    late = pc.greater_equal(table["timestamp"], pa.scalar(contest.since, MOMENT))
    table = table.append_column(_SIDE, side).append_column(_SEQ, pa.array([kept.seq] * table.num_rows, pa.int64()))
    return table.filter(pc.and_(pc.greater_equal(side, 0), late))


def _side(table: pa.Table, side: int) -> Side:
    return Side(table_of(table.filter(pc.equal(table[_SIDE], side))))


def _joined(predictions: pa.Table, kept: Sequence[KeptRows], labels: Sequence[pa.Table]) -> list[tuple[Side, Side]]:
    """For each batch of labels the rows of both versions that came before it, with their label."""
    predictions = predictions.sort_by(_SEQ)
    found = []
    for one, batch in zip(kept, labels, strict=True):
        known, _ = last_label(batch, predictions["id"])
        at = pc.index_in(predictions["id"], value_set=known["id"].combine_chunks())
        here = pc.and_(pc.is_valid(at), pc.less(predictions[_SEQ], one.seq))
        rows, at = predictions.filter(here), at.filter(here)
        rows = rows.append_column("label", known["label"].take(at))
        found.append((_once(_side(rows, 0)), _once(_side(rows, 1))))
    return found


def _once(side: Side) -> Side:
    """Of predictions of one version with one id the first."""
    ids = side.ids
    if len(set(ids)) == len(ids):
        return side
    first = {one: at for at, one in reversed(list(enumerate(ids)))}
    mask = np.zeros(len(ids), dtype=bool)
    mask[list(first.values())] = True
    return Side(chosen(side.table, mask))
