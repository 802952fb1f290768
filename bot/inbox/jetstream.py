"""The inbox in a stream of NATS JetStream: file storage, nothing dropped to make room, positions are its sequence.

An entry's subject is ``<stream>.inbox.<partition>.<kind>``, so that one kind can be purged. A group of entries is
published as an atomic batch (ADR-50): stored whole or not at all, and acknowledged once. Only the last message of a
batch has an id: where an acknowledgement was lost and the batch is sent again, the server knows it by that. Reading
needs no consumer, and so no state of the server: a direct get (ADR-31) gives what stands behind a position.
https://github.com/nats-io/nats-architecture-and-design/tree/main/adr
"""

import asyncio
import uuid
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from nats.aio.msg import Msg
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageUnavailable
from bot.inbox.entries import MOST_BYTES, NewEntry, Portion, RawEntry, Room, ShortLived, decoded, fitted_to, kind_of
from bot.inbox.jetstream_connection import JetStream, Refusal, answer_of, parse_address
from bot.inbox.jetstream_stream import find, find_or_make, root_of, share_of_account

ANSWER_SECONDS = 5.0
"""For so many seconds a group is sent again while it is not known to be stored."""
_BATCH_MESSAGES = 1000
"""The server takes no more in one batch."""
_BATCH_BYTES = 8 * 2**20
_ROOM_FOR_HEADERS = 1024
_INCOMPLETE = 10176
"""A part of the batch went with a connection that was lost."""
_STORED_BEFORE = 10201
_FULL = frozenset({10002, 10023, 10028, 10047, 10077, 10122})
"""Numbers of errors that say that the stream, the account or the disk takes no more; coming at once again is no use."""
_REFUSES_FOR = 60.0
"""So many seconds after a refusal it counts as full, unless something was stored since: then it is tried again."""
_SMALLEST = 1024
"""Bytes that the smallest delivery takes, about."""
T = TypeVar("T")
_SOURCE, _RECEIVED = "Tandem-Source", "Tandem-Received-At"


class JetStreamInbox:
    """See :class:`bot.inbox.inbox.Inbox`."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for an address that cannot be used."""
        self.server = JetStream(parse_address(url))
        self._stream = self.server.address.stream
        self._root = root_of(self._stream)
        self._appending = asyncio.Lock()
        self._newest = 0
        self._newest_of: dict[int, int] = {}
        self._identity = ""
        self._refused: tuple[float, str] | None = None

    @property
    def identity(self) -> str:
        return self._identity

    async def prepare(self, last_position: int) -> int:
        """Make the stream where there is none. One that is there stays as it is, if nothing can be lost in it."""
        stream = await find_or_make(self.server, last_position + 1)
        self._identity, self._newest = stream.identity, stream.last_seq
        return stream.last_seq

    async def reach(self) -> str:
        stream = await find(self.server)
        self._identity = stream.identity if stream else ""
        if stream is None:
            return f"no stream yet at {self.server.address}: `tandem run` makes it"
        return f"{stream.identity} at {self.server.address}: {stream.entries} entries, {stream.replicas} replicas"

    async def room(self) -> Room:
        stream = await find(self.server)
        if stream is None:
            return Room()
        share = stream.bytes / stream.max_bytes if stream.max_bytes > 0 else 0.0
        room = Room(share=max(share, await share_of_account(self.server)))
        if 0 < stream.max_bytes < stream.bytes + _SMALLEST:
            return room._replace(
                full=f"the stream {self._stream} is full: {stream.bytes} bytes of max_bytes={stream.max_bytes}"
            )
        if self._refused and asyncio.get_running_loop().time() - self._refused[0] < _REFUSES_FOR:
            return room._replace(full=self._refused[1])
        return room

    def commits(self) -> int | None:
        return None

    async def close(self) -> None:
        await self.server.close()

    def fitted(self, entries: Sequence[NewEntry]) -> Sequence[NewEntry]:
        return fitted_to(self.server.max_payload - _ROOM_FOR_HEADERS, entries)

    async def append(self, entries: Sequence[NewEntry]) -> None:
        async with self._appending:
            for chunk in _chunks(entries):
                await self._append(chunk)

    async def _append(self, chunk: Sequence[NewEntry]) -> None:
        """Until it is stored, or refused, or not known to be for too long."""
        name = uuid.uuid4().hex
        why: Exception | None = None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    try:
                        acknowledgement = await self._publish(chunk, name)
                        break
                    except StorageUnavailable as error:
                        why = error
                    except Refusal as refusal:
                        if refusal.number == _STORED_BEFORE:
                            return
                        passing = refusal.code >= 429 or refusal.number == _INCOMPLETE
                        if refusal.number in _FULL:
                            why_full = f"the stream {self._stream} takes nothing more: {refusal}"
                            self._refused = asyncio.get_running_loop().time(), why_full
                        if refusal.number in _FULL or not passing:
                            raise StorageUnavailable(f"the stream {self._stream}: {refusal}") from refusal
                        why = refusal
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise StorageUnavailable(f"the stream {self._stream} has not acknowledged: {why or 'no answer'}") from error
        self._refused = None
        self._note(chunk, acknowledgement)

    async def _publish(self, chunk: Sequence[NewEntry], name: str) -> Mapping[str, Any]:
        """The acknowledgement. Raises Refusal, StorageUnavailable."""
        *others, last = chunk
        batch = uuid.uuid4().hex
        for number, entry in enumerate(others, 1):
            await self._send(entry, {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)})
        ends = {"Nats-Msg-Id": name}
        if others:
            ends |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(len(chunk)), "Nats-Batch-Commit": "1"}
        answer = await self.server.request(self._subject(last), last.payload, _headers(last) | ends)
        return answer_of(answer.data)

    async def _send(self, entry: NewEntry, batch: dict[str, str]) -> None:
        await self.server.publish(self._subject(entry), entry.payload, _headers(entry) | batch)

    def _subject(self, entry: NewEntry) -> str:
        return f"{self._root}.{entry.partition}.{kind_of(entry.payload)}"

    def _note(self, chunk: Sequence[NewEntry], acknowledgement: Mapping[str, Any]) -> None:
        """Remember where the entries stand. Raises StorageUnavailable where the stream counts from the beginning again:
        nobody would look for them there."""
        seq = int(acknowledgement["seq"])
        if acknowledgement.get("duplicate"):
            return
        if seq <= self._newest:
            raise StorageUnavailable(f"the stream {self._stream} was made anew while Tandem ran: start Tandem again")
        self._newest = seq
        first = seq - len(chunk) + 1
        self._newest_of |= {entry.partition: first + i for i, entry in enumerate(chunk)}

    def within(self, connection: AsyncConnection) -> "JetStreamInbox":
        return self

    async def entries_after(self, partition: int, position: int, limit: int) -> Portion:
        found = await self._behind(f"{self._root}.{partition}.*", position, limit)
        if not found and self._newest_of.get(partition, 0) > position:
            await asyncio.sleep(0.02)  # with replicas, the one that answers may be a moment late
            found = await self._behind(f"{self._root}.{partition}.*", position, limit)
        entries = await decoded((_seq_of(message), _received_at(message), message.data) for message in found)
        return Portion(entries, more=bool(entries))  # the server does not say whether it kept some back by their size

    async def raw_entries_after(self, seq: int, limit: int) -> list[RawEntry]:
        return [_raw(message) for message in await self._behind(f"{self._root}.*.*", seq, limit)]

    async def _behind(self, subject: str, position: int, limit: int) -> list[Msg]:
        wanted = {"seq": position + 1, "next_by_subj": subject, "batch": limit, "max_bytes": MOST_BYTES}
        return await self.server.get(wanted)

    async def prune(self, kind: ShortLived, partition: int, after: int, until: int, before: datetime, most: int) -> int:
        """``most`` is no bound here: what is looked at are some few entries, between which the moment is searched."""
        subject = f"{self._root}.{partition}.{kind.__struct_config__.tag}"
        low = await self._next_received_before(subject, after, until, before)
        if low is None:
            return after
        high = until
        while low < high:  # all up to low may go; nothing behind high may
            middle = (low + high) // 2
            found = await self._next_received_before(subject, middle, high, before)
            low, high = (low, middle) if found is None else (found, high)
        await self._purge(subject, low)
        return low

    async def _next_received_before(self, subject: str, after: int, until: int, before: datetime) -> int | None:
        """Where the next entry stands, if that is not behind ``until`` and the entry was received before a moment."""
        found = await self.server.next_of(subject, after + 1)
        return _seq_of(found) if found and _seq_of(found) <= until and _received_at(found) < before else None

    async def oldest(self, partition: int, until: int, before: datetime, most: int) -> list[RawEntry]:
        found: list[RawEntry] = []
        for message in await self._behind(f"{self._root}.{partition}.*", 0, most):
            entry = _raw(message)
            if entry[0] > until or entry[2] >= before:
                break
            found.append(entry)
        return found

    async def drop(self, partition: int, until: int) -> None:
        await self._purge(f"{self._root}.{partition}.*", until)

    async def _purge(self, subject: str, until: int) -> None:
        if until < 1:
            return  # to the server, no number is all numbers
        try:
            await self.server.call_api(f"STREAM.PURGE.{self._stream}", {"filter": subject, "seq": until + 1})
        except Refusal as refusal:
            raise StorageUnavailable(f"the stream {self._stream}: {refusal}") from refusal

    async def next_seq(self, partition: int, position: int) -> int | None:
        found = await self._next(partition, position)
        return _seq_of(found) if found else None

    async def _next(self, partition: int, position: int) -> Msg | None:
        return await self.server.next_of(f"{self._root}.{partition}.*", position + 1)

    async def partitions_behind(self, positions: Mapping[int, int]) -> Mapping[int, datetime]:
        partitions = sorted(positions)
        found = await _all(self._next(partition, positions[partition]) for partition in partitions)
        return {partition: _received_at(first) for partition, first in zip(partitions, found, strict=True) if first}

    async def lag(self, positions: Mapping[int, int]) -> int:
        return sum(await _all(self._lag(partition, position) for partition, position in positions.items()))

    async def _lag(self, partition: int, position: int) -> int:
        found = await self._behind(f"{self._root}.{partition}.*", position, 1)
        return 1 + int(_header(found[0], "Nats-Num-Pending")) if found else 0


def _chunks(entries: Sequence[NewEntry]) -> Iterable[Sequence[NewEntry]]:
    """As much as a batch takes."""
    chunk: list[NewEntry] = []
    size = 0
    for entry in entries:
        if chunk and (len(chunk) == _BATCH_MESSAGES or size + len(entry.payload) > _BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += len(entry.payload)
    if chunk:
        yield chunk


def _headers(entry: NewEntry) -> dict[str, str]:
    return {_SOURCE: entry.source, _RECEIVED: entry.received_at.isoformat()}


def _header(message: Msg, name: str) -> str:
    return (message.headers or {})[name]


def _seq_of(message: Msg) -> int:
    return int(_header(message, "Nats-Sequence"))


def _received_at(message: Msg) -> datetime:
    """For what is no entry of ours, when the server stored it."""
    headers = message.headers or {}
    return datetime.fromisoformat(headers.get(_RECEIVED) or headers["Nats-Time-Stamp"])


def _raw(message: Msg) -> RawEntry:
    return _seq_of(message), (message.headers or {}).get(_SOURCE, ""), _received_at(message), message.data


async def _all(asked: Iterable[Awaitable[T]]) -> list[T]:
    """The answers, in order; if one fails, that is raised when all have ended."""
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found: list[T] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer)
    return found
