"""Alerts that begin, are told again and end, at a rate, sent to the real program by some senders at once."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks.ask.program import Program

A_DELIVERY = 5
SENDERS = 8
CLUSTERS, SERVICES, GROUPS = 8, 40, 4
"""A group is an alert's name; of each, five instances fire."""
TOLD = ("firing", "firing", "firing", "resolved")
"""What is told of each group, time and again."""


class Load:
    """Counts what was taken. A delivery that is refused is sent again with its next turn."""

    def __init__(self, program: Program, rate: float) -> None:
        self._program = program
        self._between = A_DELIVERY * SENDERS / rate
        self.accepted = self.refused = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(SENDERS):
                tasks.create_task(self._send(number))

    async def _send(self, number: int) -> None:
        """The groups of a sender in turn, each delivery at its time, or at once where it is late."""
        groups = list(itertools.product(range(CLUSTERS), range(SERVICES), range(GROUPS)))[number::SENDERS]
        loop = asyncio.get_running_loop()
        due = loop.time() + self._between * number / SENDERS
        for turn in itertools.count():
            status = TOLD[turn % len(TOLD)]
            for cluster, service, group in groups:
                await asyncio.sleep(max(0.0, due - loop.time()))
                due = max(due + self._between, loop.time() - 1.0)  # what was missed long ago is not made up for
                labels = {
                    "alertname": f"Trouble{group}",
                    "service": f"service-{service}",
                    "cluster": f"cluster-{cluster}",
                    "severity": "high",
                }
                instances = [labels | {"instance": f"i{one}"} for one in range(A_DELIVERY)]
                await self._deliver(_body(instances, status))

    async def _deliver(self, body: bytes) -> None:
        if await self._program.deliver(body) == 202:
            self.accepted += A_DELIVERY
        else:
            self.refused += 1

    async def probe(self, number: int, resolved: bool = False) -> str:
        """Tell of one alert that no other is like; returns its service."""
        service = f"probe-{number}-of-its-own"
        labels = {"alertname": "Probe", "service": service, "cluster": f"probed-{number % CLUSTERS}"}
        await self._program.deliver(_body([labels], "resolved" if resolved else "firing"))
        return service


def _body(alerts: Sequence[dict[str, str]], status: str) -> bytes:
    now = datetime.now(UTC).isoformat()
    told: list[dict[str, Any]] = [
        {
            "status": status,
            "labels": labels,
            "annotations": {"summary": f"{labels['alertname']} of {labels['service']}"},
            "startsAt": now,
            "endsAt": now if status == "resolved" else "0001-01-01T00:00:00Z",
        }
        for labels in alerts
    ]
    fields = {"version": "4", "status": status, "receiver": "tandem", "groupLabels": {}, "commonLabels": {}}
    return json.dumps({**fields, "alerts": told}).encode()
