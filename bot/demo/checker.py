"""Three monitoring tools in one small program: each watches the service and posts as Alertmanager does.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import argparse
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EVERY = 0.5
FOR = 4  # checks in a row
REPEAT = 10.0
_NEVER = "0001-01-01T00:00:00Z"

Stats = dict[str, float]


@dataclass
class Rule:
    """One alerting rule of one tool, and what became of it."""

    tool: str
    labels: dict[str, str]
    summary: str
    broken: Callable[[Stats], bool]
    seen: int = 0
    starts_at: str = ""
    told_at: float = field(default=0.0)

    def check(self, stats: Stats, now: float) -> str | None:
        """``firing`` or ``resolved`` where that is to be posted."""
        broken = self.broken(stats)
        self.seen = (max(self.seen, 0) + 1) if broken else (min(self.seen, 0) - 1)
        if not self.starts_at and self.seen >= FOR:
            self.starts_at = _now()
            return "firing"
        if self.starts_at and self.seen <= -FOR:
            return "resolved"
        return "firing" if self.starts_at and now - self.told_at > REPEAT else None


RULES = [
    Rule(
        "host-metrics",
        {"alertname": "ForecastPoolCPUStarved", "service": "forecast-pool", "severity": "critical", "host": "pool-1"},
        "Every worker is busy and gets less than half of a CPU: something else on pool-1 takes it",
        lambda s: s["busy"] > 0.8 and s["cpu_share"] < 0.5,
    ),
    Rule(
        "api-latency",
        {"alertname": "HighForecastLatency", "service": "forecast-api", "severity": "critical", "instance": "api-1"},
        "95 % of forecasts should be answered within 500 ms, and are not",
        lambda s: s["p95_ms"] > 500,
    ),
    Rule(
        "api-latency",
        {"alertname": "ForecastQueueBacklog", "service": "forecast-api", "severity": "warning", "instance": "api-1"},
        "Forecast jobs wait in the queue for a free worker",
        lambda s: s["queue_depth"] > 5,
    ),
    Rule(
        "model-quality",
        {"alertname": "DemandForecastAccuracyDrop", "service": "demand-forecast", "severity": "warning", "model": "demand-forecast"},
        "Shops get last week's forecast instead of today's: accuracy is below 92 %",
        lambda s: s["accuracy"] < 0.92,
    ),
]


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _delivery(tool: str, rule: Rule, status: str) -> dict[str, Any]:
    labels = {**rule.labels, "cluster": "shop-eu"}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": rule.summary},
        "startsAt": rule.starts_at,
        "endsAt": _now() if status == "resolved" else _NEVER,
        "generatorURL": "",
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{tool="{tool}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "tandem",
        "groupLabels": {"tool": tool},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }


def _post(url: str, token: str, body: dict[str, Any]) -> bool:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 202)
    except OSError as error:
        print(f"not delivered, will be sent again: {error}", file=sys.stderr)
        return False


def _look(port: int) -> Stats | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=5) as answer:
            return dict(json.loads(answer.read()))
    except OSError as error:
        print(f"no stats: {error}", file=sys.stderr)
        return None


def _check_all(port: int, url: str, token: str) -> None:
    stats = _look(port)
    for rule in RULES if stats else ():
        assert stats is not None
        status = rule.check(stats, time.monotonic())
        if status and _post(url, token, _delivery(rule.tool, rule, status)):
            rule.told_at = time.monotonic()
            if status == "resolved":
                rule.starts_at = ""


def _end_with(storyteller: int) -> None:
    """When whoever started the demo is gone, even by ``kill -9``, the stage is cleared."""
    try:
        os.kill(storyteller, 0)
    except ProcessLookupError:
        os.kill(os.getppid(), signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--webhook-url", required=True)
    parser.add_argument("--storyteller", type=int, required=True)
    options = parser.parse_args()
    token = os.environ["TANDEM_DEMO_TOKEN"]
    while True:
        _end_with(options.storyteller)
        _check_all(options.port, options.webhook_url, token)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
