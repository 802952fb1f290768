"""A component: something that is started, runs as long as the process or a role of it, and is stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from bot.cluster.membership import Membership

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Component:
    """Whatever of the three a part needs: ``start`` and ``stop`` once, ``run`` until it is cancelled.

    With a ``role``, it runs only while this replica holds the role of that name.
    """

    name: str
    run: Run | None = None
    role: str | None = None
    start: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None


class Components:
    """The components of a process that were started."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, components: Sequence[Component], membership: Membership, stack: AsyncExitStack) -> None:
        """Start them in order; closing the stack stops them in the reverse order."""
        for component in components:
            if component.start:
                await component.start()
            if component.stop:
                stack.push_async_callback(component.stop)
            if component.run:
                run, role = component.run, component.role
                work = membership.run_while_leader(role, run) if role else run()
                task = asyncio.create_task(work, name=component.name)
                self._tasks.append(task)
                stack.push_async_callback(_cancel, task)

    async def failed(self) -> None:
        """Return when one that should run for ever has ended; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
