"""The intake: many requests, one commit. A request is answered when its events are on disk."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec
import structlog

from bot.domain.event import AlertEvent, Event, domain_of, encode_events, partition_of
from bot.errors import InboxFull, StorageUnavailable
from bot.inbox.entries import in_small_parts
from bot.inbox.inbox import MOST_AT_ONCE, Inbox, NewEntry
from bot.observability import tracing
from bot.observability.metrics import COMMIT_SECONDS

MAX_WAITING_ENTRIES = 10_000
MAX_WAITING_BYTES = 64 * 2**20
RETRY_AFTER = 1
CROWD = 8
"""So many requests in one commit mean that the endpoints are busy."""
CROWD_LASTS, CROWD_PASSES = 0.1, 0.03
"""Seconds after such a commit for which they count as busy, and in which they are not any more if none follows."""
SHARE_WHEN_CROWDED = 0.25
MOST_REST = 0.5

log = structlog.get_logger(__name__)

_Waiting = tuple[Sequence[NewEntry], "asyncio.Future[None]"]


def entries_for(
    events: Sequence[Event], source: str, received_at: datetime, partition_by: Sequence[str], partitions: int
) -> list[NewEntry]:
    """One delivery's events as entries of the inbox, for each partition that they belong to: many in several."""
    by_partition: dict[int, list[Event]] = {}
    for event in traced(events) if tracing.on() else events:
        partition = partition_of(domain_of(event.labels, partition_by), partitions)
        by_partition.setdefault(partition, []).append(event)
    return [
        NewEntry(partition, source, received_at, encode_events(part))
        for partition, grouped in by_partition.items()
        for part in in_small_parts(grouped)
    ]


def traced(events: Sequence[Event]) -> list[Event]:
    """The events; alerts with the current trace, so that the pipeline's part joins it, whoever does that, and when."""
    trace = tracing.current()
    return [msgspec.structs.replace(event, trace=trace) if isinstance(event, AlertEvent) else event for event in events]


class Intake:
    """Group commit: what arrives while one transaction is being written goes together into the next.

    Both the number and the size of what waits are bounded; beyond them :class:`InboxFull` is raised. So it is while
    ``full_for`` says in how many seconds a sender shall come again, because too much waits on disk. ``problem`` says
    why the last commit failed, None where it did not.

    ``on_commit`` is called with the partitions that have new entries.
    """

    def __init__(
        self,
        inbox: Inbox,
        max_entries: int = MAX_WAITING_ENTRIES,
        max_bytes: int = MAX_WAITING_BYTES,
        full_for: Callable[[], int | None] = lambda: None,
        on_commit: Callable[[Iterable[int]], None] = lambda _partitions: None,
    ) -> None:
        self._inbox = inbox
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._full_for = full_for
        self._on_commit = on_commit
        self.problem: str | None = None
        self._waiting: list[_Waiting] = []
        self._entries = 0
        self._bytes = 0
        self._woken = asyncio.Event()
        self._stopping = False
        self._crowd_at = -math.inf
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name="intake")

    async def stop(self) -> None:
        """Commit what waits, then stop."""
        self._stopping = True
        self._woken.set()
        if self._task:
            await self._task

    async def rest_after(self, busy: float, patience: float = 1.0) -> None:
        """The pipeline's rest after so many seconds of work: where the endpoints are crowded, they go first.

        Not for long: work that took seconds has waited for the database, as have the senders after it. Where there is
        no ``patience`` for all of it (1.0), what is missing is rested only while the crowd is still there.
        """
        clock = asyncio.get_running_loop().time
        if clock() - self._crowd_at >= CROWD_LASTS:
            await asyncio.sleep(0)
            return
        rest = min(busy * (1 / SHARE_WHEN_CROWDED - 1), MOST_REST)
        until = clock() + rest
        await asyncio.sleep(rest * patience)
        while (left := min(until, self._crowd_at + CROWD_PASSES) - clock()) > 0:  # noqa: ASYNC110 - it ends by time
            await asyncio.sleep(left)

    async def append(self, entries: Sequence[NewEntry]) -> None:
        """Return when the entries are committed. Raises InboxFull, StorageUnavailable."""
        if entries:
            with tracing.span("inbox.append", attributes={"tandem.entries": len(entries)}):
                await self.put(entries)

    def put(self, entries: Sequence[NewEntry]) -> "asyncio.Future[None]":
        """Line entries up; the future ends when they are committed or not (StorageUnavailable).

        Raises InboxFull, EventTooLarge.
        """
        entries = self._inbox.fitted(entries)
        size = _size(entries)
        if self._entries + len(entries) > self._max_entries or self._bytes + size > self._max_bytes:
            raise InboxFull(RETRY_AFTER)
        if (retry_after := self._full_for()) is not None:
            raise InboxFull(retry_after)
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, committed))
        self._entries += len(entries)
        self._bytes += size
        self._woken.set()
        return committed

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                await self._commit(self._next_group())

    def _next_group(self) -> list[_Waiting]:
        """All that waits, or as much of it as one statement takes."""
        count = 0
        for i, (entries, _) in enumerate(self._waiting):
            count += len(entries)
            if count > MOST_AT_ONCE and i:
                group, self._waiting = self._waiting[:i], self._waiting[i:]
                return group
        group, self._waiting = self._waiting, []
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        together = [entry for entries, _ in group for entry in entries]
        if len(group) >= CROWD:
            self._crowd_at = asyncio.get_running_loop().time()
        try:
            with COMMIT_SECONDS.time():
                await self._inbox.append(together)
        except StorageUnavailable as error:
            log.error("intake.not_stored", reason=str(error), entries=len(together))
            self.problem = str(error)
            _fail(group, error)
        except Exception as error:
            log.error("intake.failed", exc_info=error)
            self.problem = f"the inbox took nothing: {type(error).__name__}"
            _fail(group, StorageUnavailable(f"the inbox took nothing: {type(error).__name__}"))
        else:
            self.problem = None
            for _, committed in group:
                if not committed.done():
                    committed.set_result(None)
            self._on_commit({entry.partition for entry in together})
        finally:
            self._entries -= len(together)
            self._bytes -= _size(together)


def _size(entries: Sequence[NewEntry]) -> int:
    return sum(len(entry.payload) for entry in entries)


def _fail(group: list[_Waiting], error: Exception) -> None:
    for _, committed in group:
        if not committed.done():
            committed.set_exception(error)
