"""What an alert says: its sender's sentence, and the value against the threshold of its rule."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.alert import Alert
from bot.domain.event import AlertStatus
from bot.domain.severity import Severity
from bot.notify.readings import reading_in_words, rule_of
from tests.unit.strategies import NOON, alerts, hostile

P95 = "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket{job='cart'}[5m])) by (le)) > 0.5"
MEAN = "rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m]) > 0.5"


def an_alert(expression: str = "", **annotations: str) -> Alert:
    fields: dict[str, Any] = {
        "identity": "i",
        "episode": 1,
        "domain": "",
        "partition": 0,
        "source": "alertmanager",
        "fingerprint": "f",
        "name": "HighLatency",
        "service": "cart",
        "severity": Severity.HIGH,
        "status": AlertStatus.FIRING,
        "labels": {},
        "starts_at": NOON,
        "received_at": NOON,
    }
    link = f"http://prometheus:9090/graph?g0.expr={quote(expression)}&g0.tab=1" if expression else ""
    return Alert(**fields, annotations=annotations, link=link)


@pytest.mark.parametrize(
    ("expression", "annotations", "said"),
    [
        (P95, {"value": "0.84"}, "cart answers in 840 ms (p95), above the threshold of 500 ms"),
        (MEAN, {"value": "0.84"}, "cart answers in 840 ms, above the threshold of 500 ms"),
        ("up == 0", {"value": "0"}, "cart: up is 0, at the threshold of 0"),
        ("node_memory_MemAvailable_bytes < 1e9", {"value": "5e8"}, "Available is 500 MB, below the threshold of 1 GB"),
        (
            "rate(http_errors_total[1m]) > 5",
            {"value": "12"},
            "cart fails 12 requests a second, above the threshold of 5",
        ),
        ("a_total{x='y'} / b_total{x='y'} > 0.05", {"value": "0.12"}, "cart: value 0.12, above the threshold of 0.05"),
        (P95, {"summary": "p95 is 840 ms", "value": "0.84"}, "p95 is 840 ms · above the threshold of 500 ms"),
        (P95, {"summary": "p95 is 0.84 s", "value": "0.84"}, "p95 is 0.84 s · above the threshold of 500 ms"),
        (P95, {"summary": "p95 is 0.84 s, not 0.5", "value": "0.84"}, "p95 is 0.84 s, not 0.5"),
        (P95, {"summary": "p95 is high"}, "p95 is high"),
        ("", {"summary": "p95 is high", "value": "0.84"}, "p95 is high · value 0.84"),
        ("", {"value": "0.84"}, "value 0.84"),
        ("", {"description": "It is slow.\nAnd more."}, "It is slow."),
        ("", {}, ""),
    ],
)
def test_an_alert_is_said_with_its_value_against_its_threshold(
    expression: str, annotations: dict[str, str], said: str
) -> None:
    assert said in reading_in_words(an_alert(expression, **annotations))


@given(hostile)
def test_no_link_is_an_accident(text: str) -> None:
    rule_of(text)
    rule_of(f"http://p/graph?g0.expr={quote(text[:500])}")
    rule_of(f"http://[{text[:20]}")


@given(alerts(hostile), st.sampled_from(["1", "nan", "1e999", "-0", "x"]))
def test_what_an_alert_says_is_bounded(alert: Alert, value: str) -> None:
    alert.annotations["value"] = value
    assert len(reading_in_words(alert)) < 600
