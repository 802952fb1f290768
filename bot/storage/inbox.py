"""The inbox: the log of what the doors acknowledged, in the order in which it was committed.

SQLite takes one writer a file, so there the inbox has a file of its own: no door waits for the pipeline. Its offsets
are in :mod:`bot.storage.offsets`, with the state.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate

import msgspec
from sqlalchemy import CTE, delete, func, literal, select, text, union_all

from bot.domain.event import Event, LogsEvent, SamplesEvent, decode_events
from bot.storage.database import Database, open_database, table_of
from bot.storage.tables import InboxRow

_INBOX = table_of(InboxRow)
_APPEND_LOCK = 0x696E626F  # held to the commit: the order of seq is the order of commits
MOST_BYTES = 4 * 2**20
"""So much is read at once, or one entry: some 15,000 samples, and a transaction that nobody waits for long."""
_BITE = 2**18
"""So many bytes are decoded before others have their turn: some 5 ms."""
MOST_AT_ONCE = 8000
"""SQLite takes 32,766 values in one statement, PostgreSQL 65,535."""


class NewEntry(msgspec.Struct, frozen=True):
    """Events of one delivery for one partition, encoded by ``encode_events``."""

    partition: int
    source: str
    received_at: datetime
    payload: bytes


class Entry(msgspec.Struct, frozen=True):
    seq: int
    received_at: datetime
    events: list[Event]


class Inbox:
    """Raises StorageUnavailable from every method where its database does not answer."""

    def __init__(self, database: Database, shared: bool) -> None:
        self.database = database
        self._shared = shared

    async def prepare(self, last_position: int) -> None:
        """Bring the schema to the newest version; count on behind what was worked through, should the file be new."""
        if self._shared:
            return
        await self.database.migrate()
        async with self.database.write() as connection:
            first = {"name": _INBOX.name, "seq": last_position}
            await connection.execute(
                text(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 "
                    "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
                ),
                first,
            )
            await connection.execute(
                text("UPDATE sqlite_sequence SET seq = :seq WHERE name = :name AND seq < :seq"), first
            )

    async def close(self) -> None:
        if not self._shared:
            await self.database.close()

    async def append(self, entries: Sequence[NewEntry]) -> None:
        """Return when the entries are on disk. At most MOST_AT_ONCE of them."""
        await (_append_to_sqlite if self.database.is_sqlite else _append_to_postgresql)(self.database, entries)

    async def entries_after(self, partition: int, position: int, limit: int) -> list[Entry]:
        """The next entries of a partition, in order; fewer than there are where they are large."""
        query = (
            select(_INBOX.c.seq, _INBOX.c.received_at, _INBOX.c.payload)
            .where(_INBOX.c.partition == partition, _INBOX.c.seq > position)
            .order_by(_INBOX.c.seq)
            .limit(limit)
        )
        async with self.database.read() as connection:
            rows = (await connection.execute(query)).all()
        sizes = accumulate(len(payload) for _, _, payload in rows)
        fit = max(1, sum(size <= MOST_BYTES for size in sizes))
        entries, since = [], 0
        for seq, received_at, payload in rows[:fit]:
            entries.append(Entry(seq, received_at, decode_events(payload)))
            since += len(payload)
            if since > _BITE:
                await asyncio.sleep(0)
                since = 0
        return entries

    async def raw_entries_after(self, seq: int, limit: int) -> list[tuple[int, str, datetime, bytes]]:
        """The next entries of all partitions in order: position, source, moment of receipt, encoded events."""
        query = (
            select(_INBOX.c.seq, _INBOX.c.source, _INBOX.c.received_at, _INBOX.c.payload)
            .where(_INBOX.c.seq > seq)
            .order_by(_INBOX.c.seq)
            .limit(limit)
        )
        async with self.database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in await connection.execute(query)]

    async def prune(
        self, kind: type[SamplesEvent | LogsEvent], partition: int, after: int, until: int, before: datetime, most: int
    ) -> int:
        """Delete entries of one kind of event behind ``after`` up to ``until`` that were received ``before`` a moment.

        At most ``most`` entries are looked at; returns the position up to which they were, which is ``after`` where
        there is no more to do. Nothing else is deleted, and no number is given again.
        """
        begins = _beginning_of(kind)
        query = (
            select(_INBOX.c.seq, func.substr(_INBOX.c.payload, 1, len(begins)))
            .where(_INBOX.c.partition == partition, _INBOX.c.seq > after, _INBOX.c.seq <= until)
            .where(_INBOX.c.received_at < before)
            .order_by(_INBOX.c.seq)
            .limit(most)
        )
        async with self.database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = [seq for seq, beginning in rows if bytes(beginning) == begins]
        if found:
            async with self.database.write() as connection:
                await connection.execute(delete(_INBOX).where(_INBOX.c.seq.in_(found)))
        return rows[-1][0] if rows else after

    async def next_seq(self, partition: int, position: int) -> int | None:
        """Where the next entry of a partition stands, without reading it."""
        behind = select(func.min(_INBOX.c.seq)).where(_INBOX.c.partition == partition, _INBOX.c.seq > position)
        async with self.database.read() as connection:
            seq = await connection.scalar(behind)
        return None if seq is None else int(seq)

    async def partitions_behind(self, positions: Mapping[int, int]) -> list[int]:
        """The partitions with entries behind their positions."""
        if not positions:
            return []
        offsets = _as_rows(positions)
        waiting = select(_INBOX.c.seq).where(
            _INBOX.c.partition == offsets.c.partition, _INBOX.c.seq > offsets.c.position
        )
        query = select(offsets.c.partition).where(waiting.exists()).order_by(offsets.c.partition)
        async with self.database.read() as connection:
            return [partition for (partition,) in await connection.execute(query)]

    async def lag(self, positions: Mapping[int, int]) -> int:
        """How many entries stand behind the positions."""
        if not positions:
            return 0
        offsets = _as_rows(positions)
        waiting = (
            select(func.count())
            .select_from(offsets.join(_INBOX, _INBOX.c.partition == offsets.c.partition))
            .where(_INBOX.c.seq > offsets.c.position)
        )
        async with self.database.read() as connection:
            return await connection.scalar(waiting) or 0


def open_inbox(database: Database) -> Inbox:
    """The inbox that belongs to a database: in a file beside it on SQLite, within it on PostgreSQL."""
    if not database.is_sqlite:
        return Inbox(database, shared=True)
    return Inbox(open_database(database.beside("inbox")), shared=False)


def _beginning_of(kind: type[SamplesEvent | LogsEvent]) -> bytes:
    """How entries of this kind begin: a door writes an entry from events of one kind."""
    return b'[{"kind":"%s"' % str(kind.__struct_config__.tag).encode()


def _as_rows(positions: Mapping[int, int]) -> CTE:
    rows = [
        select(literal(partition).label("partition"), literal(position).label("position"))
        for partition, position in positions.items()
    ]
    return union_all(*rows).cte("offsets")


def _statement(entries: Sequence[NewEntry], place: str) -> str:
    places = ",".join([place] * len(entries))
    return f"INSERT INTO inbox (partition, source, received_at, payload) VALUES {places}"


async def _append_to_sqlite(database: Database, entries: Sequence[NewEntry]) -> None:
    values: list[object] = []
    for entry in entries:
        at = entry.received_at.replace(tzinfo=None).isoformat(" ", "microseconds")
        values += (entry.partition, entry.source, at, entry.payload)
    await database.execute_alone(_statement(entries, "(?,?,?,?)"), values)


async def _append_to_postgresql(database: Database, entries: Sequence[NewEntry]) -> None:
    """A lock is held to the commit: a reader that saw seq 10 before 9 was committed would move past 9 and lose it."""
    values: list[object] = []
    for entry in entries:
        values += (entry.partition, entry.source, entry.received_at, entry.payload)
    async with database.write() as connection:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_APPEND_LOCK})")
        await connection.exec_driver_sql(_statement(entries, "(%s,%s,%s,%s)"), tuple(values))
