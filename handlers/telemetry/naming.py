"""Names of OpenTelemetry as Prometheus has them.

https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus
"""

import math
import re
from decimal import Decimal
from functools import lru_cache

_WORD = re.compile(r"[a-zA-Z0-9]+")
_UNFIT_IN_LABEL = re.compile(r"[^a-zA-Z0-9]+")
_UNITS = {
    **{"d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds"},
    **{"ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes"},
    **{"TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes"},
    **{"m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius"},
    **{"Hz": "hertz", "1": "", "%": "percent"},
}
"""https://ucum.org/ucum"""
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, counter: bool, gauge: bool) -> str:
    """The metric's name with its unit, and ``total`` behind a counter's.

    >>> metric_name("http.server.request.duration", "s", counter=False, gauge=False)
    'http_server_request_duration_seconds'
    >>> metric_name("http.requests", "{request}", counter=True, gauge=False)
    'http_requests_total'
    >>> metric_name("system.cpu.utilization", "1", counter=False, gauge=True)
    'system_cpu_utilization_ratio'
    >>> metric_name("disk.io", "By/s", counter=False, gauge=True)
    'disk_io_bytes_per_second'
    """
    words: list[str] = _WORD.findall(name)
    main, _, per = (part.strip() for part in unit.partition("/"))
    words += _unit_words(main, _UNITS, words)
    per_words = _unit_words(per, _PER, words)
    words += ["per", *per_words] if per_words else []
    if counter:
        words = [*(word for word in words if word != "total"), "total"]
    elif gauge and unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    joined = "_".join(words)
    return f"_{joined}" if joined[:1].isdigit() else joined


def _unit_words(unit: str, known: dict[str, str], present: list[str]) -> list[str]:
    """What a unit adds to a name: nothing where it is an annotation in braces, or in the name already."""
    if not unit or "{" in unit or "}" in unit:
        return []
    word = "_".join(_WORD.findall(known.get(unit, unit)))
    return [word] if word and word not in present else []


def label_name(attribute: str) -> str:
    """
    >>> label_name("http.route"), label_name("2xx"), label_name("__name__")
    ('http_route', 'key_2xx', '_name_')
    """
    name = _UNFIT_IN_LABEL.sub("_", attribute)
    return f"key_{name}" if name[:1].isdigit() else name


@lru_cache(maxsize=4096)
def bound_text(bound: float) -> str:
    """A bucket's upper bound or a quantile, as Prometheus writes it in ``le`` and ``quantile``.

    >>> bound_text(0.005), bound_text(10.0), bound_text(2.5e6), bound_text(float("inf"))
    ('0.005', '10', '2500000', '+Inf')
    """
    if not math.isfinite(bound):
        return "NaN" if math.isnan(bound) else f"{'+' if bound > 0 else '-'}Inf"
    text = format(Decimal(repr(bound)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
