"""forecast-api: answers demand forecasts, computed by a pool of workers that pull jobs from its queue.

A job that waits too long is answered with last week's forecast instead: the customer gets a number, but a worse one.
So a starved pool costs latency first and accuracy with it.
"""

import argparse
import asyncio
import math
import random
import time
from collections import deque
from typing import Any

from aiohttp import web

DEADLINE = 1.0
WINDOW = 5.0
STALE_ERROR = 0.4
_ALIVE = 3.0


class Job:
    def __init__(self, number: int, now: float) -> None:
        self.number, self.asked_at = number, now
        self.answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()


class Service:
    """The queue, and what was measured in the last seconds."""

    def __init__(self) -> None:
        self._queue: deque[Job] = deque()
        self._under_way: dict[int, Job] = {}
        self._arrived = asyncio.Condition()
        self._answers: deque[tuple[float, float, float]] = deque()
        self._reports: dict[str, tuple[float, float, float]] = {}
        self._numbers = 0

    async def forecast(self, request: web.Request) -> web.Response:
        self._numbers += 1
        job = Job(self._numbers, time.monotonic())
        self._queue.append(job)
        async with self._arrived:
            self._arrived.notify()
        actual = 100 + 40 * math.sin(job.number / 50)
        try:
            async with asyncio.timeout(DEADLINE):
                forecast = actual * await job.answer
            fresh = True
        except TimeoutError:
            forecast, fresh = actual * (1 + STALE_ERROR), False
        now = time.monotonic()
        self._answers.append((now, now - job.asked_at, abs(forecast - actual) / actual))
        return web.json_response({"forecast": round(forecast, 2), "fresh": fresh})

    async def next_job(self, request: web.Request) -> web.Response:
        """A worker asks for work and reports how busy it was and how much of a CPU it got."""
        given = await request.json()
        self._reports[given["worker"]] = (time.monotonic(), given["busy"], given["cpu_share"])
        async with self._arrived:
            try:
                async with asyncio.timeout(1.0):
                    await self._arrived.wait_for(self._drop_expired)
            except TimeoutError:
                return web.json_response({})
            job = self._queue.popleft()
        self._under_way[job.number] = job
        return web.json_response({"job": job.number})

    def _drop_expired(self) -> bool:
        """Whether there is a job that somebody still waits for."""
        while self._queue and self._queue[0].answer.done():
            self._queue.popleft()
        return bool(self._queue)

    async def finish_job(self, request: web.Request) -> web.Response:
        job = self._under_way.pop((await request.json())["job"], None)
        if job and not job.answer.done():
            job.answer.set_result(random.uniform(0.98, 1.02))
        return web.json_response({})

    async def stats(self, request: web.Request) -> web.Response:
        now = time.monotonic()
        while self._answers and self._answers[0][0] < now - WINDOW:
            self._answers.popleft()
        self._reports = {name: report for name, report in self._reports.items() if report[0] > now - _ALIVE}
        self._drop_expired()
        return web.json_response(self._measured())

    def _measured(self) -> dict[str, Any]:
        latencies = sorted(latency for _, latency, _ in self._answers)
        errors = [error for _, _, error in self._answers]
        reports = list(self._reports.values())
        return {
            "p95_ms": latencies[int(len(latencies) * 0.95)] * 1000 if latencies else 0.0,
            "queue_depth": len(self._queue),
            "accuracy": 1 - sum(errors) / len(errors) if errors else 1.0,
            "workers": len(reports),
            "busy": sum(busy for _, busy, _ in reports) / len(reports) if reports else 0.0,
            "cpu_share": sum(share for _, _, share in reports) / len(reports) if reports else 1.0,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    service, app = Service(), web.Application()
    app.router.add_post("/forecast", service.forecast)
    app.router.add_post("/jobs/next", service.next_job)
    app.router.add_post("/jobs/finish", service.finish_job)
    app.router.add_get("/stats", service.stats)
    web.run_app(app, host="127.0.0.1", port=parser.parse_args().port, access_log=None, print=None)


if __name__ == "__main__":
    main()

