"""The inbox: the log of what the endpoints acknowledged, in the order in which it was committed.

It is kept in the database (:mod:`bot.inbox.sql`) or in a stream of NATS JetStream
(:mod:`bot.inbox.jetstream`); nothing else knows which. Its offsets are in :mod:`bot.inbox.offsets`, with the
state, so that effects happen once wherever the inbox is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox.entries import MOST_BYTES, Entry, NewEntry, Portion, RawEntry, Room, ShortLived
from bot.inbox.sql import MOST_AT_ONCE, SqlInbox
from bot.storage.database import Database, open_database

__all__ = ["MOST_AT_ONCE", "MOST_BYTES", "Entry", "Inbox", "NewEntry", "Portion", "RawEntry", "Room", "open_inbox"]


class Inbox(Protocol):
    """Raises StorageUnavailable from every method where what keeps it does not answer."""

    @property
    def identity(self) -> str:
        """Which inbox it is: positions of one mean nothing in another. Known once it is prepared."""
        ...

    async def prepare(self, last_position: int) -> int:
        """Make what it is kept in; count on behind what was worked through, should it be new.

        Returns a position behind which all that is appended from now on will stand. Raises ConfigError where it cannot
        be kept there.
        """
        ...

    async def reach(self) -> str:
        """Which it is and where, in words; nothing is made or changed."""
        ...

    async def room(self) -> Room:
        """How much more it takes, as far as one can see; nothing is written."""
        ...

    def commits(self) -> int | None:
        """Another number after each change of what it holds; None where only a look can tell."""
        ...

    async def close(self) -> None: ...

    def fitted(self, entries: Sequence[NewEntry]) -> Sequence[NewEntry]:
        """The same events in entries that are not too large to be kept. Raises EventTooLarge."""
        ...

    async def append(self, entries: Sequence[NewEntry]) -> None:
        """Return when the entries are on disk. At most MOST_AT_ONCE of them, and fitted."""
        ...

    def within(self, connection: AsyncConnection) -> "Inbox":
        """The same; what is in the database of the state is read in this transaction on it."""
        ...

    async def entries_after(self, partition: int, position: int, limit: int) -> Portion:
        """The next entries of a partition, in order; fewer than ``limit`` where they are large."""
        ...

    async def raw_entries_after(self, seq: int, limit: int) -> list[RawEntry]:
        """The next entries of all partitions in order: position, source, moment of receipt, encoded events."""
        ...

    async def prune(self, kind: ShortLived, partition: int, after: int, until: int, before: datetime, most: int) -> int:
        """Delete entries of one kind of event behind ``after`` up to ``until`` that were received ``before`` a moment.

        At most ``most`` entries are looked at; returns the position up to which they were, which is ``after`` where
        there is no more to do. Nothing else is deleted, and no number is given again.
        """
        ...

    async def oldest(self, partition: int, until: int, before: datetime, most: int) -> list[RawEntry]:
        """The first entries of a partition, up to ``until`` and to the first that was not received ``before`` a moment.

        Like :meth:`raw_entries_after`; at most ``most``, and fewer where they are large.
        """
        ...

    async def drop(self, partition: int, until: int) -> None:
        """Delete the entries of a partition up to a position. No number is given again."""
        ...

    async def next_seq(self, partition: int, position: int) -> int | None:
        """Where the next entry of a partition stands."""
        ...

    async def partitions_behind(self, positions: Mapping[int, int]) -> Mapping[int, datetime]:
        """The partitions with entries behind their positions, and when the first of these was received.

        No entry is decoded for it: also one that cannot be waits.
        """
        ...

    async def lag(self, positions: Mapping[int, int]) -> int:
        """How many entries stand behind the positions."""
        ...


def open_inbox(database: Database, url: str | None = None) -> Inbox:
    """The inbox at an address ``nats://…``; without one, that of the database: in a file beside SQLite's, within
    PostgreSQL. Raises ConfigError for an address that cannot be used."""
    if url is not None:
        from bot.inbox.jetstream import JetStreamInbox  # for who uses it: its client takes 0.1 s to import

        return JetStreamInbox(url)
    if not database.is_sqlite:
        return SqlInbox(database, shared=True)
    return SqlInbox(open_database(database.beside("inbox")), shared=False)
