"""Lanes: several partitions are worked on at once, each by one lane at a time, the longest waiting first."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bot.errors import Conflict, StorageUnavailable

Work = Callable[[int], Awaitable[None]]
"""What is done in the turn of a partition."""


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Where one of these fails, the others are cancelled, and its error is raised."""
    first, *others = works
    if not others:
        await first
        return
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in (first, *others):
                tasks.create_task(work)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


class Lanes:
    """``most`` is how many there are. ``rest_after`` is awaited after so many seconds of work: a rest for all.

    What lanes do at the same time counts once, so that many rest as long as one would.
    """

    def __init__(self, most: int, rest_after: Callable[[float], Awaitable[None]]) -> None:
        self._most = most
        self._rest_after = rest_after
        self._rests = asyncio.Lock()
        self._counted_to = 0.0
        self._waiting: dict[int, None] = {}
        self._put_off: set[int] = set()
        self._added = asyncio.Event()
        self.busy: set[int] = set()
        """The partitions that have their turn now, or are about to."""
        self.at_work = 0
        """How many lanes work, and do not rest."""

    def add(self, partitions: Iterable[int]) -> None:
        """Line partitions up for a turn; those that wait already keep their place."""
        self._waiting.update(dict.fromkeys(partitions))
        self._added.set()

    def put_off(self, partition: int, seconds: float) -> None:
        """Give a partition no turn for so long, whoever lines it up."""
        self._put_off.add(partition)
        asyncio.get_running_loop().call_later(seconds, self._readmit, partition)

    def _readmit(self, partition: int) -> None:
        self._put_off.discard(partition)
        self.add([partition])

    async def run(self, work: Work) -> None:
        """Give whoever is lined up its turn, until cancelled. What ``work`` raises ends all."""

        async def lane() -> None:
            while True:
                await self._turn(await self._next(), work)

        await together(lane() for _ in range(self._most))

    async def each(self, partitions: Iterable[int], work: Work) -> None:
        """One turn for each of these. After Conflict or StorageUnavailable, which is raised, no other turn begins."""
        left, errors = iter(partitions), list[Conflict | StorageUnavailable]()

        async def lane() -> None:
            for partition in left:
                try:
                    await self._turn(partition, work)
                except (Conflict, StorageUnavailable) as error:
                    errors.append(error)
                if errors:
                    return

        await together(lane() for _ in range(self._most))
        if errors:
            raise errors[0]

    async def _next(self) -> int:
        while (found := self._first_free()) is None:
            self._added.clear()
            await self._added.wait()
        del self._waiting[found]
        return found

    def _first_free(self) -> int | None:
        not_now = self.busy | self._put_off
        return next((one for one in self._waiting if one not in not_now), None)

    async def _turn(self, partition: int, work: Work) -> None:
        loop = asyncio.get_running_loop()
        with self._occupied(partition):
            async with self._rests:
                pass
            if self.at_work == 0:
                self._counted_to = loop.time()
            self.at_work += 1
            try:
                await work(partition)
            finally:
                self.at_work -= 1
                busy, self._counted_to = loop.time() - self._counted_to, loop.time()
        async with self._rests:
            await self._rest_after(busy)

    @contextmanager
    def _occupied(self, partition: int) -> Iterator[None]:
        self.busy.add(partition)
        try:
            yield
        finally:
            self.busy.discard(partition)
            self._added.set()  # it may be lined up again by now
