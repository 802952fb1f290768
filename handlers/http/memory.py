"""The memory that all requests share: what is being read and worked on is bounded, whoever sends it.

Each endpoint bounds one request; many at once would still fill the memory. A request takes from what is free as its
body comes, and gives it back when it has its answer. Where nothing is free, its sender is asked to come again.
"""

from types import TracebackType

from aiohttp import web

from bot.errors import InboxFull
from bot.inbox.intake import RETRY_AFTER

MOST_BYTES = 256 * 2**20
WEIGHT = 3
"""What a byte of a body takes: itself, what is decoded of it, and what is encoded of that for the inbox."""


class Memory:
    def __init__(self, most: int = MOST_BYTES) -> None:
        self.free = most

    def take(self, size: int) -> None:
        """Raises InboxFull where so much is not free."""
        if size > self.free:
            raise InboxFull(RETRY_AFTER)
        self.free -= size

    def give(self, size: int) -> None:
        self.free += size


class Share:
    """What one request holds; leaving the context gives it back."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._size = 0

    def grow(self, size: int) -> None:
        """Raises InboxFull."""
        self._memory.take(size * WEIGHT)
        self._size += size * WEIGHT

    def __enter__(self) -> "Share":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        self._memory.give(self._size)
        self._size = 0


_MEMORY = web.AppKey("memory", Memory)


def share_memory(app: web.Application, memory: Memory) -> None:
    """Let all requests of an application share this memory."""
    app[_MEMORY] = memory


def share_of(request: web.Request) -> Share:
    """The share of a request, which holds nothing yet."""
    memory = request.app.get(_MEMORY)
    return Share(Memory() if memory is None else memory)
