"""A load that one process holds for a while: so many senders, who pause while more than a second's work waits."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]

from tests.acceptance.harness import TOKEN, Tandem, until

SENDERS = 2
ACCEPTED = (200, 202, 204)
_LOOK_EVERY = 0.02
_PATIENCE = 120.0


@dataclass(frozen=True)
class Kind:
    """What is sent where: a delivery made by its number, of so many items; so many deliveries may wait."""

    path: str
    content_type: str
    made: Callable[[int], bytes]
    items: int
    most_waiting: int


@dataclass
class _Load:
    """``slow`` are the seconds in which a look at ``/healthz`` was answered: as long as the loop had other work."""

    tandem: Tandem
    session: aiohttp.ClientSession
    kind: Kind
    until: float
    sent: int = 0
    waiting: float = 0.0
    slow: list[float] = field(default_factory=list)

    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    async def send(self) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": self.kind.content_type}
        while self.goes_on():
            if self.waiting > self.kind.most_waiting:
                await asyncio.sleep(_LOOK_EVERY)
                continue
            body = self.kind.made(self.sent)
            self.sent += 1
            async with self.session.post(self.tandem.url + self.kind.path, data=body, headers=headers) as answer:
                if answer.status not in ACCEPTED:
                    raise RuntimeError(f"the bot answered {answer.status}: {await answer.text()}")

    async def look(self) -> None:
        """At how soon the bot answers, ten times for each look at how much waits."""
        while self.goes_on():
            self.slow += await looked_at(self.tandem.url)
            self.waiting = await self.lag()

    async def lag(self) -> float:
        async with self.session.get(f"{self.tandem.url}/readyz") as answer:
            return float((await answer.json()).get("inbox_lag") or 0)


async def looked_at(url: str) -> list[float]:
    """In how many seconds a few looks at ``/healthz`` are answered, one after the other."""
    slow = []
    async with aiohttp.ClientSession() as session:
        for _ in range(10):
            asked = time.perf_counter()
            async with session.get(f"{url}/healthz") as answer:
                await answer.read()
            slow.append(time.perf_counter() - asked)
            await asyncio.sleep(_LOOK_EVERY)
    return slow


def delays_of(slow: list[float]) -> dict[str, float]:
    """What is said of such looks."""
    p99 = statistics.quantiles(slow, n=100)[98]
    return {"healthz_p99_ms": round(p99 * 1e3, 1), "healthz_worst_ms": round(max(slow) * 1e3, 1)}


async def hold(tandem: Tandem, kind: Kind, seconds: float) -> dict[str, Any]:
    """Items a second, until all are worked through, and what the process used for each."""
    assert tandem.process is not None
    process = psutil.Process(tandem.process.pid)
    async with aiohttp.ClientSession() as session:
        load = _Load(tandem, session, kind, time.monotonic() + seconds)
        before, cpu, began = process.memory_info().rss, sum(process.cpu_times()[:2]), time.monotonic()
        tasks: list[Awaitable[None]] = [load.look(), *(load.send() for _ in range(SENDERS))]
        await asyncio.gather(*tasks)

        async def nothing_waits() -> bool:
            return await load.lag() == 0

        await until(nothing_waits, "the inbox is worked through", _PATIENCE)
        took, used = time.monotonic() - began, sum(process.cpu_times()[:2]) - cpu
    items = load.sent * kind.items
    return {
        "seconds": round(took, 1),
        "per_s": round(items / took),
        "per_cpu_s": round(items / used),
        "cpu_us_each": round(used / items * 1e6, 1),
        **delays_of(load.slow),
        "memory_mb": round((process.memory_info().rss - before) / 2**20, 1),
    }
