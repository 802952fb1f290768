"""What a metric's name and labels say that it measures of its service: how long requests take, or how many fail.

Names are those of Prometheus' conventions (https://prometheus.io/docs/practices/naming/), of OpenTelemetry's
(https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), of its service graphs and span metrics, and of
Micrometer, gRPC and the blackbox exporter. What a service measures of others, as a client, is not counted as its own.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

LATENCY = "latency"
AVAILABILITY = "availability"

_NAME = "__name__"
_LATENCY = re.compile(r"duration|latency|response_?time|request_?time|requests?(_server)?_(milli|micro|nano)?seconds")
_REQUESTS = re.compile(r"(requests?|calls|handled|queries|invocations)_total$")
_FAILED = re.compile(r"(errors?|failed|failures?|exceptions?)_total$")
_FAILS = re.compile(r"(^|[_:.])(errors?|fail(s|ed|ures?)?|exceptions?|timeouts?|dropped|rejected|5xx)($|[_:.])")
_OTHERS = re.compile(r"(^|_)(client|gc|scrape|evaluation|compile|sync|reconcile|rule|backup|uptime|startup|lock)(_|$)")
_UP = frozenset({"up", "probe_success"})
_PARTS = ("_bucket", "_created", "_info", "_max", "_min", "_observations", "_total")
_UNITS = (
    (re.compile(r"nanos|_ns(_|$)"), 1e-9),
    (re.compile(r"micros|_us(_|$)"), 1e-6),
    (re.compile(r"milli|_ms"), 1e-3),
)
_NAMED_QUANTILE = re.compile(r"(?:^|[_:.])p(50|90|95|99)(?:$|[_:.])")
_QUANTILES = {"0.5": "p50", "0.50": "p50", "0.9": "p90", "0.90": "p90", "0.95": "p95", "0.99": "p99"}

_GRPC = frozenset({"grpc_code", "rpc_grpc_status_code"})
_STATUS = (
    *("status", "code", "status_code", "http_status", "http_status_code", "http_response_status_code"),
    *("response_code", "http_code", "outcome", *sorted(_GRPC)),
)
_SERVER_ERROR = re.compile(r"5(\d\d|xx)$|(STATUS_CODE_|SERVER_)?ERROR$", re.IGNORECASE)
_GRPC_ERROR = re.compile(r"Unknown|DeadlineExceeded|ResourceExhausted|Internal|Unavailable|DataLoss|(2|4|8|13|14|15)$")


class Reading(NamedTuple):
    """How the samples of a series add to what is known of its service.

    Series of one ``family`` add up: what they ``total`` (seconds, or how often it was up), and of how many. A counter
    counts requests, a gauge samples. ``failed`` says whether its requests failed, None where it does not tell.
    """

    family: str
    metric: str
    statistic: str
    part: str
    scale: float = 1.0
    counter: bool = False
    failed: bool | None = None


def reading_of(labels: Mapping[str, str]) -> Reading | None:
    """What a series measures, or None where its name does not tell.

    >>> reading_of({"__name__": "http_request_duration_seconds_sum"})[:4]
    ('http_request_duration_seconds', 'latency', 'mean', 'total')
    >>> reading_of({"__name__": "rpc_latency_ms", "quantile": "0.95"})[:5]
    ('rpc_latency_ms', 'latency', 'p95', 'total', 0.001)
    >>> reading_of({"__name__": "http_requests_total", "code": "503"})[3:]
    ('number', 1.0, True, True)
    >>> reading_of({"__name__": "go_gc_duration_seconds", "quantile": "0.5"}) is None
    True
    """
    name = labels.get(_NAME, "").lower()
    quantile, status = labels.get("quantile"), next((key for key in _STATUS if labels.get(key)), "")
    return _read(name, quantile, _is_failure(status, labels.get(status, "")))


def is_more_failure(labels: Mapping[str, str], goes_up: bool) -> bool:
    """Whether a series that goes up, or down, shows that more fails.

    >>> is_more_failure({"__name__": "payment_errors_total"}, True), is_more_failure({"__name__": "up"}, False)
    (True, True)
    >>> is_more_failure({"__name__": "http_requests_total", "code": "200"}, True)
    False
    """
    reading = reading_of(labels)
    if reading is None or reading.metric != AVAILABILITY:
        return goes_up and _FAILS.search(labels.get(_NAME, "").lower()) is not None
    return not goes_up if reading.part == "total" else goes_up and reading.failed is True


@lru_cache(maxsize=4096)
def _read(name: str, quantile: str | None, failed: bool | None) -> Reading | None:
    if name in _UP:
        return Reading(name, AVAILABILITY, "up", "total")
    if _OTHERS.search(name):
        return None
    if _LATENCY.search(name) and not name.endswith(_PARTS):
        return _latency(name, quantile, failed)
    if _FAILED.search(name):
        return Reading(_FAILED.sub("total", name), AVAILABILITY, "requests", "failed", counter=True, failed=True)
    if _REQUESTS.search(name):
        return Reading(name, AVAILABILITY, "requests", "number", counter=True, failed=failed)
    return None


def _latency(name: str, quantile: str | None, failed: bool | None) -> Reading | None:
    scale = next((factor for unit, factor in _UNITS if unit.search(name)), 1.0)
    if name.endswith("_sum"):
        return Reading(name.removesuffix("_sum"), LATENCY, "mean", "total", scale, counter=True)
    if name.endswith("_count"):
        return Reading(name.removesuffix("_count"), LATENCY, "mean", "number", counter=True, failed=failed)
    if quantile is not None:
        statistic = _QUANTILES.get(quantile)
        return Reading(name, LATENCY, statistic, "total", scale) if statistic else None
    word = _NAMED_QUANTILE.search(name)
    return Reading(name, LATENCY, f"p{word[1]}" if word else "mean", "total", scale)


def _is_failure(label: str, value: str) -> bool | None:
    if not label:
        return None
    pattern = _GRPC_ERROR if label in _GRPC else _SERVER_ERROR
    return pattern.match(value) is not None
