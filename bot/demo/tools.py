"""Three monitoring tools: what each watches for and posts, as Prometheus and Alertmanager do. No I/O, no clock.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

FOR = timedelta(seconds=2)
REPEAT = timedelta(seconds=10)
_FIRST_RETRY, _LAST_RETRY = timedelta(seconds=0.5), timedelta(seconds=5)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_CLUSTER = {"cluster": "shop-eu"}

Stats = Mapping[str, float]


@dataclass
class Rule:
    """An alerting rule. Its alert fires when the rule was broken for ``FOR``, and resolves when it was kept for it.

    ``expression`` is how Prometheus would write it, and ``value`` what that looks at.
    """

    labels: dict[str, str]
    summary: str
    description: str
    broken: Callable[[Stats], bool]
    expression: str
    value: Callable[[Stats], float]
    firing: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    seen: float = 0.0
    _turned_at: datetime | None = field(default=None, repr=False)

    def check(self, stats: Stats, now: datetime) -> bool:
        """Whether the alert changed."""
        if self.broken(stats) == self.firing:
            self._turned_at = None
            return False
        self._turned_at = self._turned_at or now
        if now - self._turned_at < FOR:
            return False
        self.firing, self._turned_at, self.seen = not self.firing, None, self.value(stats)
        self.starts_at, self.ends_at = (now, None) if self.firing else (self.starts_at, now)
        return True

    def as_json(self) -> dict[str, Any]:
        labels = {**self.labels, **_CLUSTER}
        named = "\0".join(f"{name}={value}" for name, value in sorted(labels.items()))
        return {
            "status": "firing" if self.firing else "resolved",
            "labels": labels,
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                **({"value": f"{self.seen:.4g}"} if self.firing else {}),
            },
            "startsAt": _moment(self.starts_at),
            "endsAt": _moment(self.ends_at),
            "generatorURL": f"http://prometheus.example/graph?g0.expr={quote(self.expression)}",
            "fingerprint": hashlib.blake2b(named.encode(), digest_size=8).hexdigest(),
        }


@dataclass
class Tool:
    """A group of alerts, told as one: when one of them changes, and again from time to time while any fires.

    What is told is always the present state; a delivery that failed is tried again, later and later.
    """

    name: str
    rules: list[Rule]
    _changed: bool = False
    _next_at: datetime = _NEVER
    _retry: timedelta = _FIRST_RETRY

    def check(self, stats: Stats, now: datetime) -> None:
        if any([rule.check(stats, now) for rule in self.rules]):
            self._changed, self._next_at, self._retry = True, now, _FIRST_RETRY

    def due(self, now: datetime) -> bool:
        return now >= self._next_at and (self._changed or any(rule.firing for rule in self.rules))

    def record_delivery(self, success: bool, now: datetime) -> None:
        """Note how a delivery of the present state went."""
        if success:
            self._changed, self._next_at = False, now + REPEAT
            for rule in self.rules:
                if not rule.firing:
                    rule.starts_at = None
        else:
            self._next_at, self._retry = now + self._retry, min(self._retry * 2, _LAST_RETRY)

    def delivery(self) -> dict[str, Any]:
        """The firing alerts, and those of which it has not been told yet that they resolved."""
        alerts = [rule.as_json() for rule in self.rules if rule.starts_at]
        firing = any(alert["status"] == "firing" for alert in alerts)
        return {
            "version": "4",
            "groupKey": f'{{}}/{{tool="{self.name}"}}:{{cluster="{_CLUSTER["cluster"]}"}}',
            "truncatedAlerts": 0,
            "status": "firing" if firing else "resolved",
            "receiver": self.name,
            "groupLabels": _CLUSTER,
            "commonLabels": _common([alert["labels"] for alert in alerts]),
            "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
            "externalURL": "",
            "alerts": alerts,
        }


def _common(maps: list[dict[str, str]]) -> dict[str, str]:
    return dict(set.intersection(*(set(each.items()) for each in maps))) if maps else {}


def _moment(at: datetime | None) -> str:
    return (at or _NEVER).isoformat().replace("+00:00", "Z")


def tools() -> list[Tool]:
    """The tools with their rules. Thresholds lie far from both what is usual and what the noisy neighbour causes."""
    api = {"service": "forecast-api", "job": "forecast-api", "instance": "api-1:8000"}
    latency = Rule(
        {"alertname": "HighForecastLatency", "severity": "critical", **api},
        "Forecasts are answered too late",
        "95 % of forecasts should be answered within 500 ms, and are not.",
        lambda stats: stats["p95_ms"] > 500,
        "histogram_quantile(0.95, rate(forecast_request_duration_seconds_bucket[1m])) > 0.5",
        lambda stats: stats["p95_ms"] / 1000,
    )
    backlog = Rule(
        {"alertname": "ForecastQueueBacklog", "severity": "warning", **api},
        "Forecast jobs wait for a free worker",
        "More than 5 jobs are in the queue of the forecast pool.",
        lambda stats: stats["queue_depth"] > 5,
        "forecast_queue_length > 5",
        lambda stats: stats["queue_depth"],
    )
    starved = Rule(
        {
            "alertname": "ForecastPoolCPUStarved",
            "severity": "critical",
            "service": "forecast-pool",
            "job": "node",
            "instance": "pool-1:9100",
        },
        "The workers of the forecast pool get no CPU",
        "For more than half of the time they wait for a CPU that something else on their host takes.",
        lambda stats: stats["contention"] > 0.5,
        "workers_cpu_wait_ratio > 0.5",
        lambda stats: stats["contention"],
    )
    accuracy = Rule(
        {
            "alertname": "DemandForecastAccuracyDrop",
            "severity": "warning",
            "service": "demand-forecast",
            "model": "demand-forecast",
            "job": "model-quality",
            "instance": "quality-1:9300",
        },
        "The demand forecast is less accurate than promised",
        "Accuracy (1 - MAPE against what was sold) is below 90 %: shops are given last week's forecast.",
        lambda stats: stats["accuracy"] < 0.9,
        "forecast_accuracy_ratio < 0.9",
        lambda stats: stats["accuracy"],
    )
    return [Tool("latency", [latency]), Tool("queue", [backlog, starved]), Tool("model-quality", [accuracy])]
