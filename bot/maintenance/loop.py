"""The maintenance loop: small tasks, each at its interval, that delete what is not needed any more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from prometheus_client import Counter

from bot.errors import LostLease, StorageUnavailable

BETWEEN = timedelta(seconds=0.05)
"""Between two turns of a task that has more to do: the endpoints write to the same file."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Task:
    """One kind of maintenance. ``role`` is the lease under which it is done, by one replica at a time.

    ``run`` does a little, in transactions of its own, and returns whether there may be more to do. ``failures`` counts
    the turns that failed, where that has a metric.
    """

    name: str
    role: str
    every: timedelta
    run: Callable[[], Awaitable[bool]]
    failures: Counter | None = None


async def maintain(tasks: Sequence[Task]) -> None:
    """Give each task its turns until cancelled. Raises LostLease where the role went to another replica.

    A task that fails has its next turn at its interval, and delays no other.
    """
    loop = asyncio.get_running_loop()
    next_turn = {task.name: loop.time() for task in tasks}
    while True:
        for task in tasks:
            if next_turn[task.name] <= loop.time():
                pause = BETWEEN if await _turn(task) else task.every
                next_turn[task.name] = loop.time() + pause.total_seconds()
        await asyncio.sleep(max(0.0, min(next_turn.values()) - loop.time()))


async def _turn(task: Task) -> bool:
    """Whether there may be more to do."""
    try:
        return await task.run()
    except LostLease:
        raise
    except StorageUnavailable as error:
        log.warning("maintenance.retry", task=task.name, reason=str(error))
    except Exception as error:
        log.error("maintenance.failed", task=task.name, exc_info=error)
    if task.failures:
        task.failures.inc()
    return False
