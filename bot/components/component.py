"""A component: something that is started, runs as long as the process or a role of it, and is stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from bot.cluster.membership import Membership

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Component:
    """Whatever of the three a part needs: ``start`` and ``stop`` once, ``run`` until it is cancelled.

    With a ``role``, it runs only while this replica holds the role of that name. One that ``lingers`` is stopped only
    when what takes its place after a reload has started.
    """

    name: str
    run: Run | None = None
    role: str | None = None
    start: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    lingers: bool = False


@dataclass(frozen=True)
class Started:
    """What stops components that were started: at once, and those that linger."""

    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    lingering: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def stop(self) -> None:
        async with self.lingering:
            await self.stack.aclose()


class Components:
    """The components of a process that were started."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    async def start(self, components: Sequence[Component], membership: Membership, started: Started) -> None:
        """Start them in order; ``started`` stops them in the reverse order."""
        for component in components:
            stack = started.lingering if component.lingers else started.stack
            if component.start:
                await component.start()
            if component.stop:
                stack.push_async_callback(component.stop)
            if component.run:
                run, role = component.run, component.role
                work = membership.run_while_leader(role, run) if role else run()
                task = asyncio.create_task(work, name=component.name)
                self._tasks.add(task)
                task.add_done_callback(self._note_end)
                stack.push_async_callback(self._cancel, task)

    async def failed(self) -> None:
        """Return when one that should run for ever has ended; raises what ended it."""
        (await self._ended.get()).result()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            self._ended.put_nowait(task)

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
