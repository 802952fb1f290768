"""How long programs stood ready to go on and were given no CPU, as others had it: Linux counts it for each thread."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path


async def until_given(pid: int, seconds: float, holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return as soon as it holds. The bound is of the time for which a program and the tests' own had their CPU.

    Elsewhere than on Linux all time counts. https://docs.kernel.org/scheduler/sched-stats.html
    """
    began, before = time.monotonic(), _starved(pid)
    while not await holds():
        lost = sum(starved - before.get(thread, 0) for thread, starved in _starved(pid).items())
        assert time.monotonic() - began - lost < seconds, f"waited {seconds:g} s in vain until {what}"
        await asyncio.sleep(0.05)


def _starved(pid: int) -> Mapping[str, float]:
    """Seconds by thread; mostly one thread waits for another, so they add up."""
    threads = [one for of in (pid, os.getpid()) for one in Path(f"/proc/{of}/task").glob("*/schedstat")]
    return {str(one): int(one.read_text().split()[1]) / 1e9 for one in threads}
