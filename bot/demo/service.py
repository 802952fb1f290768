"""forecast-api: answers demand forecasts, computed by a pool of workers that pull jobs from it. ``service SOCKET``.

A shop that would wait too long is given last week's forecast: a number in time, but a worse one. So a starved pool
costs latency first, and accuracy with it.
"""

import asyncio
import itertools
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from bot.demo.demand import history, sold_this_week, stale_forecast
from bot.demo.lifeline import end_with_parent

DEADLINE = 1.0
WINDOW = 5.0
SHOPS = 50
_POLL_SECONDS = 1.0
_ALIVE_SECONDS = 3.0


@dataclass(eq=False)
class Job:
    shop: int
    answer: asyncio.Future[float] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Answer(NamedTuple):
    at: float
    latency: float
    error: float


class Service:
    """The queue of jobs, and what was measured in the last seconds."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[int, Job] = {}
        self._under_way: dict[int, Job] = {}
        self._arrived = asyncio.Condition()
        self._answers: deque[Answer] = deque()
        self._waits: deque[tuple[float, float]] = deque()
        self._last_report: dict[int, float] = {}

    async def forecast(self, _request: web.Request) -> web.Response:
        """A shop asks for this week's demand."""
        number, requested_at = next(self._numbers), time.monotonic()
        job = self._waiting[number] = Job(shop=number % SHOPS)
        async with self._arrived:
            self._arrived.notify()
        try:
            async with asyncio.timeout(DEADLINE):
                forecast, fresh = await job.answer, True
        except TimeoutError:
            forecast, fresh = stale_forecast(job.shop), False
        finally:
            self._waiting.pop(number, None)
            self._under_way.pop(number, None)
        now, actual = time.monotonic(), sold_this_week(job.shop)
        self._answers.append(Answer(now, now - requested_at, abs(forecast - actual) / actual))
        return web.json_response({"shop": job.shop, "forecast": round(forecast, 2), "fresh": fresh})

    async def next_job(self, request: web.Request) -> web.Response:
        """A worker asks for work, and reports how many seconds it waited for a CPU since it last asked."""
        report, now = await request.json(), time.monotonic()
        self._last_report[report["worker"]] = now
        self._waits.append((now, report["waited"]))
        async with self._arrived:
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._arrived.wait_for(lambda: self._waiting)
            except TimeoutError:
                return web.json_response({})
            number = next(iter(self._waiting))
            job = self._under_way[number] = self._waiting.pop(number)
        return web.json_response({"job": number, "sold": history(job.shop)})

    async def finish_job(self, request: web.Request) -> web.Response:
        done = await request.json()
        job = self._under_way.pop(done["job"], None)
        if job and not job.answer.done():
            job.answer.set_result(done["forecast"])
        return web.json_response({})

    async def stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self._measured(time.monotonic()))

    def _measured(self, now: float) -> dict[str, Any]:
        while self._answers and self._answers[0].at < now - WINDOW:
            self._answers.popleft()
        while self._waits and self._waits[0][0] < now - WINDOW:
            self._waits.popleft()
        workers = sum(at > now - _ALIVE_SECONDS for at in self._last_report.values())
        latencies = sorted(answer.latency for answer in self._answers)
        errors = [answer.error for answer in self._answers]
        waited = sum(seconds for _, seconds in self._waits)
        return {
            "p95_ms": latencies[int(len(latencies) * 0.95)] * 1000 if latencies else 0.0,
            "queue_depth": len(self._waiting),
            "accuracy": 1 - sum(errors) / len(errors) if errors else 1.0,
            "workers": workers,
            "contention": min(1.0, waited / (WINDOW * workers)) if workers else 0.0,
        }


def main() -> None:
    end_with_parent()
    service, app = Service(), web.Application()
    app.router.add_route("*", "/forecast", service.forecast)
    app.router.add_post("/jobs/next", service.next_job)
    app.router.add_post("/jobs/finish", service.finish_job)
    app.router.add_get("/stats", service.stats)
    # A worker that is stopped while it waits for a job must not be given one.
    web.run_app(app, path=sys.argv[1], access_log=None, handler_cancellation=True, shutdown_timeout=1.0)


if __name__ == "__main__":
    main()
