"""The snapshot store of the watches: what was learnt of a partition is loaded, replayed, and saved when it is due.

A snapshot holds one piece of what a watch has learnt, such as a series or a group, as of a position in the inbox. The
mark is the position up to which everything is in the snapshots. After a restart, a failed batch or a change of the
partition's owner the store loads the snapshots and replays what the inbox holds behind the mark.
"""

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox.inbox import Entry
from bot.pipeline.batch import Batch
from bot.pipeline.size import MOST_ENTRIES
from bot.storage.queries import snapshots as queries

URGENT = 0.0
"""Due at once: the snapshot is written in the transaction of the batch that changed the piece."""
_MARK_EVERY = 1000
"""Positions after which the mark is moved even if no snapshot is due."""
_SLICE = 0.005
"""Seconds of work between two turns of the event loop."""
UNREADABLE = (msgspec.MsgspecError, LookupError, TypeError, ValueError)

log = structlog.get_logger(__name__)


class Learnt(Protocol):
    """What a watch knows of one partition, in named pieces."""

    def restore(self, name: str, state: bytes) -> bool:
        """Take a piece from its snapshot; False where nobody needs it any more. Raises ValueError, LookupError,
        TypeError or MsgspecError where the snapshot cannot be read."""

    def serialise(self, name: str) -> bytes | None:
        """A piece as it is now; None where it is gone."""


L = TypeVar("L", bound=Learnt)


class _Change(NamedTuple):
    """A piece differs from its snapshot, which holds everything up to ``position``; to be written at ``due``."""

    position: int
    due: float


class Changes:
    """Which pieces of a partition differ from their snapshots. Positions are given in ascending order."""

    def __init__(self) -> None:
        self._changed: dict[str, _Change] = {}
        self._queue: list[tuple[float, str]] = []
        self._restored_at: dict[str, int] = {}
        self.removed: set[str] = set()
        """Pieces that are gone, whose snapshots are to be deleted."""

    def add(self, name: str, position: int, due: float = URGENT) -> None:
        """A piece changes with the entry behind ``position``, and is to be written by ``due`` (seconds since 1970)."""
        known = self._changed.get(name)
        if known is not None and known.due <= due:
            return
        self._changed[name] = _Change(position if known is None else known.position, due)
        heapq.heappush(self._queue, (due, name))
        self.removed.discard(name)

    def remove(self, name: str) -> None:
        """A piece is gone."""
        self._changed.pop(name, None)
        self.removed.add(name)

    def restored_at(self, name: str) -> int:
        """While entries are replayed: up to which position the snapshot of a piece holds them already."""
        return self._restored_at.get(name, 0)

    def take_due(self, now: float, most: int) -> list[str]:
        """The pieces to be written now: all that are urgent, and of the others as many as make ``most``."""
        due: list[str] = []
        while self._queue and self._queue[0][0] <= now and (len(due) < most or self._queue[0][0] == URGENT):
            at, name = heapq.heappop(self._queue)
            change = self._changed.get(name)
            if change is not None and change.due == at:  # otherwise it is gone, or was due earlier
                due.append(name)
                del self._changed[name]
        return due

    def take_all(self) -> list[str]:
        """The pieces that differ from their snapshots, due or not."""
        changed = list(self._changed)
        self._changed.clear()
        self._queue.clear()
        return changed

    def mark(self, position: int) -> int:
        """Up to which position everything is in the snapshots, when all is learnt up to ``position``."""
        oldest = next(iter(self._changed.values()), None)
        return position if oldest is None else min(oldest.position, position)

    def restored(self, name: str, position: int) -> None:
        self._restored_at[name] = position

    def replayed(self) -> None:
        self._restored_at.clear()


@dataclass
class _Partition(Generic[L]):
    learnt: L
    changes: Changes
    position: int
    marked_at: int


class SnapshotStore(Generic[L]):
    """The snapshots of one watch.

    ``begin`` makes what is known of a partition of which nothing is. ``replay`` learns an entry again, of which all
    findings were raised before; a watch that saves every change in the batch that brings it needs none. At most
    ``most_saved`` snapshots that can wait are written with a batch; ``page`` are read or written at a time.
    """

    def __init__(
        self,
        watch: str,
        begin: Callable[[Batch, Changes], L],
        replay: Callable[[L, Entry, datetime], Awaitable[object]] | None = None,
        most_saved: int = 500,
        page: int = 500,
    ) -> None:
        self._watch = watch
        self._begin = begin
        self._replay = replay
        self._most_saved = most_saved
        self._page = page
        self._partitions: dict[int, _Partition[L]] = {}

    def get(self, partition: int) -> L | None:
        """What is in memory of a partition."""
        one = self._partitions.get(partition)
        return one.learnt if one else None

    def __iter__(self) -> Iterator[L]:
        """What is in memory, of all partitions."""
        return (one.learnt for one in self._partitions.values())

    def is_current(self, partition: int, position: int) -> bool:
        """Whether what is in memory holds what came up to a position: nobody else worked on the partition."""
        one = self._partitions.get(partition)
        return one is not None and one.position == position

    async def open(self, batch: Batch, connection: AsyncConnection, position: int) -> L:
        """What was learnt up to a position: from memory, or from the snapshots and the entries behind the mark."""
        if not self.is_current(batch.partition, position):
            try:
                await self._load(batch, connection, position)
            except BaseException:
                self.forget(batch.partition)
                raise
        return self._partitions[batch.partition].learnt

    def skip(self, batch: Batch) -> None:
        """The batch holds nothing for the watch."""
        one = self._partitions.get(batch.partition)
        if one is not None and batch.entries and one.position == batch.position:
            one.position = batch.entries[-1].seq

    async def save(self, batch: Batch, connection: AsyncConnection, position: int) -> None:
        """Write the snapshots that are due, now that everything up to ``position`` is learnt."""
        one = self._partitions[batch.partition]
        one.position = position
        due = one.changes.take_due(batch.now.timestamp(), self._most_saved)
        if not due and not one.changes.removed and (not self._replay or position - one.marked_at < _MARK_EVERY):
            return
        await self._write(batch, connection, one, due)

    async def save_all(self, batch: Batch, connection: AsyncConnection) -> None:
        """Write whatever differs from its snapshot: after that nobody needs what is in the inbox up to this position
        to know what was learnt."""
        await self.open(batch, connection, batch.position)
        one = self._partitions[batch.partition]
        await self._write(batch, connection, one, one.changes.take_all())

    async def _write(self, batch: Batch, connection: AsyncConnection, one: _Partition[L], due: list[str]) -> None:
        position = one.position
        for start in range(0, len(due), self._page):
            states = await self._serialised(one.learnt, due[start : start + self._page])
            await queries.save(connection, batch.partition, self._watch, states, position, batch.now)
        await queries.forget(connection, batch.partition, self._watch, one.changes.removed)
        one.changes.removed.clear()
        if self._replay:
            one.marked_at = one.changes.mark(position)
            await queries.mark(connection, batch.partition, self._watch, one.marked_at, batch.now)

    def forget(self, partition: int) -> None:
        """Drop what is in memory: a batch failed, or the partition is somebody else's."""
        self._partitions.pop(partition, None)

    async def _serialised(self, learnt: L, names: Iterable[str]) -> Mapping[str, bytes]:
        states = {}
        began = time.perf_counter()
        for name in names:
            state = learnt.serialise(name)
            if state is not None:
                states[name] = state
            began = await _yield_after(began)
        return states

    async def _load(self, batch: Batch, connection: AsyncConnection, position: int) -> None:
        changes = Changes()
        one = self._partitions[batch.partition] = _Partition(self._begin(batch, changes), changes, position, position)
        began = time.perf_counter()
        async for page in queries.pages(connection, batch.partition, self._watch, self._page):
            for name, snapshot in page.items():
                self._restore(one, name, snapshot)
                began = await _yield_after(began)
        if self._replay:
            await self._catch_up(one, batch, connection)
        changes.replayed()

    def _restore(self, one: _Partition[L], name: str, snapshot: queries.Snapshot) -> None:
        """What cannot be read, or is of no use any more, is left out and deleted with the next batch."""
        try:
            used = one.learnt.restore(name, snapshot.state)
        except UNREADABLE as error:
            log.warning(f"{self._watch}.snapshot_left_out", name=name, reason=repr(error))
            used = False
        if used:
            one.changes.restored(name, snapshot.position)
        else:
            one.changes.remove(name)

    async def _catch_up(self, one: _Partition[L], batch: Batch, connection: AsyncConnection) -> None:
        mark = await queries.mark_of(connection, batch.partition, self._watch)
        if mark is None:
            await queries.mark(connection, batch.partition, self._watch, one.position, batch.now)
            return
        one.marked_at = after = mark
        while after < one.position:
            entries = (await batch.inbox.entries_after(batch.partition, after, MOST_ENTRIES)).entries
            for entry in entries:
                if entry.seq <= one.position:
                    await self._replay_entry(one.learnt, entry, batch.now)
            after = entries[-1].seq if entries else one.position

    async def _replay_entry(self, learnt: L, entry: Entry, now: datetime) -> None:
        """An entry that was set aside when it came first must not hold up what is behind it now."""
        assert self._replay is not None
        try:
            await self._replay(learnt, entry, now)
        except Exception as error:
            log.error(f"{self._watch}.entry_left_out", seq=entry.seq, exc_info=error)


async def _yield_after(began: float) -> float:
    """Let others have their turn when enough work was done since ``began``; returns since when to count."""
    if time.perf_counter() - began < _SLICE:
        return began
    await asyncio.sleep(0)
    return time.perf_counter()
