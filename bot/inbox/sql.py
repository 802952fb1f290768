"""The inbox in a table.

SQLite takes one writer a file, so there the inbox has a file of its own: no endpoint waits for the pipeline.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from datetime import datetime
from functools import cache
from itertools import accumulate, takewhile
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, FromClause, Integer, Select, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox.entries import MOST_BYTES, NewEntry, Portion, RawEntry, Room, ShortLived, beginning_of, decoded
from bot.storage.ahead import without_answer
from bot.storage.collisions import begun_anew
from bot.storage.database import Database, table_of
from bot.storage.prepared import fetch_rows
from bot.storage.tables.core import InboxRow

_INBOX = table_of(InboxRow)
_APPEND_LOCK = 0x696E626F  # held to the commit: the order of seq is the order of commits
_LOCK_TIMEOUT = "SELECT set_config('lock_timeout', '2s', true)"
_AFTER = (
    select(_INBOX.c.seq, _INBOX.c.received_at, _INBOX.c.payload)
    .where(_INBOX.c.partition == bindparam("of"), _INBOX.c.seq > bindparam("position"))
    .order_by(_INBOX.c.seq)
    .limit(bindparam("limit"))
)
MOST_AT_ONCE = 8000
"""SQLite takes 32,766 values in one statement, PostgreSQL 65,535."""
IDENTITY = "database"


class SqlInbox:
    """See :class:`bot.inbox.inbox.Inbox`."""

    identity = IDENTITY

    def __init__(self, database: Database, shared: bool) -> None:
        self.database = database
        self._shared = shared
        self._within: AsyncConnection | None = None

    def within(self, connection: AsyncConnection) -> "SqlInbox":
        if not self._shared:
            return self
        same = copy(self)
        same._within = connection
        return same

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        if self._within is not None:
            yield self._within
            return
        async with self.database.read() as connection:
            yield connection

    async def prepare(self, last_position: int) -> int:
        """Bring the schema of a file of its own to the newest version."""
        if self._shared:
            return last_position
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
        return last_position

    async def reach(self) -> str:
        async with self.database.read():
            return "in a file beside the database" if self.database.is_sqlite else "in the database"

    async def room(self) -> Room:
        """The disk's bound is not one of the table."""
        return Room()

    def commits(self) -> int | None:
        return self.database.commits()

    async def close(self) -> None:
        if not self._shared:
            await self.database.close()

    def fitted(self, entries: Sequence[NewEntry]) -> Sequence[NewEntry]:
        """A row takes all that an endpoint takes."""
        return entries

    async def append(self, entries: Sequence[NewEntry]) -> None:
        await (_append_to_sqlite if self.database.is_sqlite else _append_to_postgresql)(self.database, entries)

    async def entries_after(self, partition: int, position: int, limit: int) -> Portion:
        values = {"of": partition, "position": position, "limit": limit}
        async with self._reading() as connection:
            rows = await fetch_rows(connection, _AFTER, values)
        sizes = accumulate(len(payload) for _, _, payload in rows)
        fit = max(1, sum(size <= MOST_BYTES for size in sizes))
        return Portion(await decoded(rows[:fit]), more=len(rows) == limit or fit < len(rows))

    async def raw_entries_after(self, seq: int, limit: int) -> list[RawEntry]:
        query = (
            select(_INBOX.c.seq, _INBOX.c.source, _INBOX.c.received_at, _INBOX.c.payload)
            .where(_INBOX.c.seq > seq)
            .order_by(_INBOX.c.seq)
            .limit(limit)
        )
        async with self.database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in await connection.execute(query)]

    async def prune(self, kind: ShortLived, partition: int, after: int, until: int, before: datetime, most: int) -> int:
        begins = beginning_of(kind)
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

    async def oldest(self, partition: int, until: int, before: datetime, most: int) -> list[RawEntry]:
        mine = (_INBOX.c.partition == partition, _INBOX.c.seq <= until)
        size = func.length(_INBOX.c.payload)
        heads = select(_INBOX.c.seq, _INBOX.c.received_at, size).where(*mine).order_by(_INBOX.c.seq).limit(most)
        async with self.database.read() as connection:
            rows = list(takewhile(lambda row: row[1] < before, (await connection.execute(heads)).all()))
            fit = max(1, sum(total <= MOST_BYTES for total in accumulate(size for _, _, size in rows)))
            wanted = _INBOX.c.seq.in_([seq for seq, _, _ in rows[:fit]])
            query = select(_INBOX.c.seq, _INBOX.c.source, _INBOX.c.received_at, _INBOX.c.payload).where(wanted)
            return [(row[0], row[1], row[2], row[3]) for row in await connection.execute(query.order_by(_INBOX.c.seq))]

    async def drop(self, partition: int, until: int) -> None:
        mine = (_INBOX.c.partition == partition, _INBOX.c.seq <= until)
        async with self.database.write() as connection:
            await connection.execute(delete(_INBOX).where(*mine))

    async def next_seq(self, partition: int, position: int) -> int | None:
        behind = select(func.min(_INBOX.c.seq)).where(_INBOX.c.partition == partition, _INBOX.c.seq > position)
        async with self._reading() as connection:
            seq = await connection.scalar(behind)
        return None if seq is None else int(seq)

    async def partitions_behind(self, positions: Mapping[int, int]) -> Mapping[int, datetime]:
        if not positions:
            return {}
        query, values = self._asked(_first_behind, positions)
        async with self.database.read() as connection:
            return {partition: at for partition, at in await connection.execute(query, values) if at is not None}

    async def lag(self, positions: Mapping[int, int]) -> int:
        if not positions:
            return 0
        query, values = self._asked(_count_behind, positions)
        async with self.database.read() as connection:
            return int(await connection.scalar(query, values) or 0)

    def _asked(
        self, make: Callable[[bool], Select[Any]], positions: Mapping[int, int]
    ) -> tuple[Select[Any], dict[str, Any]]:
        """One statement and its values, as many whatever the number of partitions."""
        if self.database.is_sqlite:
            return make(True), {"positions": msgspec.json.encode([*positions.items()]).decode()}
        return make(False), {"partitions": [*positions], "positions": [*positions.values()]}


def _as_rows(is_sqlite: bool) -> FromClause:
    """The positions as a table."""
    if not is_sqlite:
        both = (bindparam("partitions", type_=ARRAY(Integer)), bindparam("positions", type_=ARRAY(BigInteger)))
        return func.unnest(*both).table_valued("partition", "position", name="offsets").render_derived()
    each = func.json_each(bindparam("positions")).table_valued("value", name="each")
    parts = (func.json_extract(each.c.value, "$[0]"), func.json_extract(each.c.value, "$[1]"))
    return select(parts[0].label("partition"), parts[1].label("position")).subquery("offsets")


@cache
def _first_behind(is_sqlite: bool) -> Select[Any]:
    """Each partition, and when the first entry behind its position was received."""
    offsets = _as_rows(is_sqlite)
    behind = (_INBOX.c.partition == offsets.c.partition, _INBOX.c.seq > offsets.c.position)
    first = select(_INBOX.c.received_at).where(*behind).order_by(_INBOX.c.seq).limit(1).scalar_subquery()
    return select(offsets.c.partition, first).order_by(offsets.c.partition)


@cache
def _count_behind(is_sqlite: bool) -> Select[Any]:
    """How many entries are behind the positions."""
    offsets = _as_rows(is_sqlite)
    behind = (_INBOX.c.partition == offsets.c.partition, _INBOX.c.seq > offsets.c.position)
    waiting = select(func.count()).select_from(_INBOX).where(*behind).scalar_subquery()
    return select(func.sum(waiting)).select_from(offsets)


def _statement(entries: Sequence[NewEntry], place: str) -> str:
    places = ",".join([place] * len(entries))
    return f"INSERT INTO inbox (partition, source, received_at, payload) VALUES {places}"


async def _append_to_sqlite(database: Database, entries: Sequence[NewEntry]) -> None:
    values: list[object] = []
    for entry in entries:
        at = entry.received_at.replace(tzinfo=None).isoformat(" ", "microseconds")
        values += (entry.partition, entry.source, at, entry.payload)
    await database.execute_alone(_statement(entries, "(?,?,?,?)"), values)


@begun_anew
async def _append_to_postgresql(database: Database, entries: Sequence[NewEntry]) -> None:
    """A lock is held to the commit: a reader that saw seq 10 before 9 was committed would move past 9 and lose it.

    Who holds that lock, or the table, for long is not waited for: the sender is to have its answer.
    """
    values: list[object] = []
    for entry in entries:
        values += (entry.partition, entry.source, entry.received_at, entry.payload)
    async with database.write(ahead=True) as connection:
        with without_answer(connection):
            await connection.exec_driver_sql(f"{_LOCK_TIMEOUT}, pg_advisory_xact_lock({_APPEND_LOCK})")
            await connection.exec_driver_sql(_statement(entries, "(%s,%s,%s,%s)"), tuple(values))
