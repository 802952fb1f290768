"""A worker of the forecast pool: takes a job, burns the CPU time that a forecast costs, answers.

All workers share one core, the pool's host; so does the noisy neighbour. A worker sees how much of a CPU it got by
comparing the clock of its own CPU time with the one on the wall.
"""

import argparse
import http.client
import json
import os
import time
from contextlib import suppress
from typing import Any

JOB_CPU_SECONDS = 0.025
_SMOOTHING = 0.3


def share_the_host() -> None:
    """Stay on the pool's core, where the system lets us say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def burn(cpu_seconds: float) -> float:
    """Compute until so much CPU time is used; returns the share of a CPU that was had meanwhile."""
    began, used = time.perf_counter(), time.process_time()
    value = 0.0
    while time.process_time() - used < cpu_seconds:
        for i in range(1000):
            value += i * 1e-9
    return cpu_seconds / max(time.perf_counter() - began, cpu_seconds)


class Api:
    """The service, over one connection that is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return dict(json.loads(self._connection.getresponse().read()))


def work(name: str, port: int) -> None:
    api, busy, share = Api(port), 0.0, 1.0
    while True:
        idle_since = time.perf_counter()
        job = api.call("/jobs/next", {"worker": name, "busy": busy, "cpu_share": share}).get("job")
        began = time.perf_counter()
        if job is not None:
            share += _SMOOTHING * (burn(JOB_CPU_SECONDS) - share)
            api.call("/jobs/finish", {"job": job})
        ended = time.perf_counter()
        busy += _SMOOTHING * ((ended - began) / max(ended - idle_since, 1e-9) - busy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    share_the_host()
    while True:
        with suppress(OSError, http.client.HTTPException, ValueError):
            work(options.name, options.port)
        time.sleep(0.2)  # the service starts or restarts


if __name__ == "__main__":
    main()
