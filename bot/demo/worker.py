"""A worker of the forecast pool: takes a job from the service, computes, answers. ``worker SOCKET NUMBER``.

It compares the clock of its own CPU time with the one on the wall, and so measures how long it waited for a CPU.
"""

import http.client
import json
import socket
import sys
import time
from typing import Any

from bot.demo.demand import forecast
from bot.demo.host import stay_on
from bot.demo.lifeline import end_with_parent

JOB_CPU_SECONDS = 0.010
_RETRY_SECONDS = 0.2


class Api(http.client.HTTPConnection):
    """The service, over one connection that is kept."""

    def __init__(self, path: str) -> None:
        super().__init__("forecast-api", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"{path} answered {answer.status}")
        return dict(json.loads(text))


def work(api: Api, number: int) -> None:
    """Do jobs until the service cannot be reached. Raises OSError or HTTPException."""
    waited = 0.0
    while True:
        job = api.call("/jobs/next", {"worker": number, "waited": waited})
        waited = 0.0
        if job:
            wall, cpu = time.perf_counter(), time.process_time()
            answer = forecast(job["sold"], JOB_CPU_SECONDS)
            waited = max(0.0, time.perf_counter() - wall - (time.process_time() - cpu))
            api.call("/jobs/finish", {"job": job["job"], "forecast": answer})


def main() -> None:
    path, number = sys.argv[1], int(sys.argv[2])
    end_with_parent()
    stay_on(number)
    while True:
        try:
            work(Api(path), number)
        except (OSError, http.client.HTTPException) as error:
            print(f"the service starts or restarts, asking again: {error!r}", flush=True)
            time.sleep(_RETRY_SECONDS)


if __name__ == "__main__":
    main()
