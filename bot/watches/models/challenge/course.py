"""The course of a contest between two versions of a model: what was read of it so far, and how it stands."""

import asyncio
import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec
import numpy as np

from bot.domain.watched.contest import Contest
from bot.domain.watched.monitor import WatchedModel
from bot.model_store.frames import Frames
from bot.storage.database import Database
from bot.watches.models.challenge.rows import Reader, Side
from bot.watches.models.challenge.scoring import LEAST_USUAL, Yardstick, compares, finite, yardstick
from bot.watches.models.window import Table, chosen
from detectors.drift.packing import Array
from detectors.drift.spellings import meaning
from detectors.drift.texts import category, is_missing
from detectors.performance.challenge import Alike, Pairing, Versus

_KEPT = 16
"""Contests whose course is in memory; any other is read from its beginning."""
_MOST_IDS = 500_000
_MOST_WAITING = 1_000
"""Batches of labels that wait until it is known what is compared."""
_LONGEST = timedelta(seconds=10)
"""What a question reads of a contest at most; the next one goes on."""


class Labels(msgspec.Struct):
    """What labels say of one version: rows that count, and the sum of their badness."""

    rows: int = 0
    total: float = 0.0

    def add(self, badness: Array) -> None:
        self.rows += len(badness)
        self.total += float(badness.sum())


class Course:
    """What was read of a contest. ``predicted`` are both versions' predictions, ``paired`` rows that both predicted."""

    def __init__(self, contest: Contest, model: WatchedModel, worse_by: float | None) -> None:
        self.contest, self.model, self.worse_by = contest, model, worse_by
        self.turn = asyncio.Lock()
        self.after: tuple[int, int] | None = None
        self.predicted = [0, 0]
        self.labels = (Labels(), Labels())
        self.paired = 0
        self.yard: Yardstick | None = None
        self.versus: Versus | None = None
        self.alike = Alike()
        self.more = False
        self._pairing = Pairing()
        self._usual = list[Table]()
        self._waiting = list[tuple[Side, Side]]()
        self._judged = set[int]()

    def take_predictions(self, pair: tuple[Side, Side]) -> None:
        values = [_predicted(side.table) for side in pair]
        self.alike.add(*values)
        self.predicted = [before + side.table.rows for before, side in zip(self.predicted, pair, strict=True)]

    def take_labels(self, pair: tuple[Side, Side]) -> None:
        """The champion's rows by which the yardstick is settled are not bet on: it must not depend on others."""
        if not compares(self.model):
            return
        ours, theirs = (self._new(side, at) for at, side in enumerate(pair))
        if self.yard is not None:
            self._bet(self.yard, ours, theirs)
            return
        self.yard = yardstick(self.model, _stacked(self._usual), self.worse_by)
        if self.yard is None:
            spent = np.arange(theirs.table.rows) < LEAST_USUAL - sum(one.rows for one in self._usual)
            self._usual.append(chosen(theirs.table, spent))
            theirs = Side(chosen(theirs.table, ~spent))
            self.yard = yardstick(self.model, _stacked(self._usual), self.worse_by)
        self._waiting = [*self._waiting, (ours, theirs)][-_MOST_WAITING:]
        if self.yard is not None:
            self.versus, waiting = Versus(self.yard.margin), self._waiting
            self._usual, self._waiting = [], []
            for sides in waiting:
                self._bet(self.yard, *sides)

    def _bet(self, yard: Yardstick, ours: Side, theirs: Side) -> None:
        assert self.versus is not None
        counts, badness = zip(*(yard.of(side.table) for side in (ours, theirs)), strict=True)
        for labels, bad in zip(self.labels, badness, strict=True):
            labels.add(bad)
        ids = [np.array(side.ids, dtype=object)[mask] for side, mask in zip((ours, theirs), counts, strict=True)]
        both = _same(*ids) if not yard.of_subset else (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self.paired += len(both[0])
        self.versus.update(badness[0][both[0]] - badness[1][both[1]])
        alone = [np.delete(bad, at) for bad, at in zip(badness, both, strict=True)]
        self.versus.update(self._pairing.add(*alone))

    def _new(self, side: Side, at: int) -> Side:
        """The rows that were not judged before: a label may come twice."""
        hashes = [_hash(at, one) for one in side.ids]
        mask = np.array([one not in self._judged for one in hashes], dtype=bool)
        if len(self._judged) < _MOST_IDS:
            self._judged.update(hashes)
        return side if mask.all() else Side(chosen(side.table, mask))


class Courses:
    """The contests that were asked for lately, each read on from where it was."""

    def __init__(self, database: Database, frames: Frames) -> None:
        self._reader = Reader(database, frames)
        self._kept: OrderedDict[object, Course] = OrderedDict()

    async def of(self, contest: Contest, model: WatchedModel, worse_by: float | None, now: datetime) -> Course:
        """The contest's course up to now, or as far as it can be read in a while. Raises Lost, StorageUnavailable."""
        domains = None if contest.domains is None else tuple(sorted(contest.domains))
        key = (contest._replace(domains=domains), model.model_dump_json(), worse_by)
        course = self._kept.setdefault(key, Course(contest, model, worse_by))
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        async with course.turn:
            await self._read_on(course, now)
        return course

    async def _read_on(self, course: Course, now: datetime) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + _LONGEST.total_seconds()
        if course.after is None:
            course.after = await self._reader.begin(course.contest)
        course.more = True
        while course.more and clock() < until:
            predictions, labels = course.after
            to, predicted, more = await self._reader.predicted(course.contest, predictions)
            for pair in predicted:
                await asyncio.to_thread(course.take_predictions, pair)
            last, labelled, more_labels = await self._reader.labelled(course.contest, labels, now)
            for pair in labelled:
                await asyncio.to_thread(course.take_labels, pair)
            course.after, course.more = (to, last), more or more_labels


def _hash(side: int, given: object) -> int:
    return int.from_bytes(hashlib.blake2b(f"{side}{given}".encode("utf-8", "replace"), digest_size=8).digest())


def _same(ours: Array, theirs: Array) -> tuple[Array, Array]:
    """The places of the ids that are on both sides."""
    places = {one: at for at, one in enumerate(theirs.tolist())}
    both = [(at, places[one]) for at, one in enumerate(ours.tolist()) if one in places]
    return np.array([at for at, _ in both], dtype=np.int64), np.array([at for _, at in both], dtype=np.int64)


def _predicted(table: Table) -> Array:
    """What was predicted as numbers that can be compared: the score, the number, or a place for each class."""
    column = table.score if table.score is not None else table.prediction
    if column is None:
        return np.zeros(0)
    if column.dtype.kind in "iuf":
        numbers = finite(column)
        return np.asarray(numbers[np.isfinite(numbers)])
    named = [meaning(category(one)) for one in column.tolist() if not is_missing(one)]
    places = {one: _hash(0, one) / 2.0**64 for one in set(named)}
    return np.array([places[one] for one in named], dtype=np.float64)


def _stacked(tables: list[Table]) -> Table:
    """What a yardstick needs of several tables."""
    known = [table for table in tables if table.rows]
    if not known:
        return Table(0, {})
    rows = sum(one.rows for one in known)
    columns = [_column(known, name) for name in ("prediction", "score", "label")]
    return Table(rows, {}, prediction=columns[0], score=columns[1], label=columns[2])


def _column(tables: list[Table], name: str) -> Array | None:
    columns = [getattr(one, name) for one in tables]
    if any(column is None for column in columns):
        return None
    return _plain(np.concatenate([np.asarray(column, dtype=object) for column in columns]))


def _plain(column: Array) -> Array:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in column.tolist())
    return column.astype(np.float64) if numbers else column
