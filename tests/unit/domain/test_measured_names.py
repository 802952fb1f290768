"""Which metrics tell how well a service does, by the names that exporters give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.watched.measured import reading_of


@pytest.mark.parametrize(
    ("name", "labels", "family", "part"),
    [
        ("http_request_duration_seconds_sum", {}, "http_request_duration_seconds", "total"),
        ("http_server_request_duration_seconds_count", {}, "http_server_request_duration_seconds", "number"),
        ("http_server_requests_seconds_sum", {}, "http_server_requests_seconds", "total"),
        ("traces_service_graph_request_server_seconds_sum", {}, "traces_service_graph_request_server_seconds", "total"),
        ("traces_spanmetrics_calls_total", {}, "traces_spanmetrics_calls_total", "number"),
        ("grpc_server_handled_total", {"grpc_code": "OK"}, "grpc_server_handled_total", "number"),
        ("payment_errors_total", {}, "payment_total", "failed"),
        ("up", {}, "up", "total"),
    ],
)
def test_names_of_well_known_exporters_are_read(name: str, labels: dict[str, str], family: str, part: str) -> None:
    reading = reading_of({"__name__": name, **labels})
    assert reading is not None
    assert (reading.family, reading.part) == (family, part)


@pytest.mark.parametrize(
    "name",
    [
        "go_gc_duration_seconds",
        "scrape_duration_seconds",
        "http_client_request_duration_seconds_sum",
        "traces_service_graph_request_client_seconds_sum",
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_created",
        "prometheus_rule_evaluation_duration_seconds_sum",
        "process_cpu_seconds_total",
        "queue_length",
        "",
    ],
)
def test_what_says_nothing_of_requests_served_is_left_out(name: str) -> None:
    assert reading_of({"__name__": name}) is None


@pytest.mark.parametrize(
    ("label", "value", "failed"),
    [
        ("code", "503", True),
        ("code", "5xx", True),
        ("status", "404", False),
        ("http_response_status_code", "200", False),
        ("grpc_code", "Unavailable", True),
        ("grpc_code", "NotFound", False),
        ("rpc_grpc_status_code", "14", True),
        ("rpc_grpc_status_code", "5", False),
        ("status_code", "STATUS_CODE_ERROR", True),
        ("outcome", "SERVER_ERROR", True),
        ("outcome", "SUCCESS", False),
    ],
)
def test_a_status_says_whether_requests_failed(label: str, value: str, failed: bool) -> None:
    reading = reading_of({"__name__": "requests_total", label: value})
    assert reading is not None and reading.failed is failed


@pytest.mark.parametrize(
    ("name", "scale"), [("a_latency_ms", 1e-3), ("a_duration_microseconds", 1e-6), ("a_latency", 1)]
)
def test_latencies_are_in_seconds(name: str, scale: float) -> None:
    reading = reading_of({"__name__": name})
    assert reading is not None and reading.scale == scale


@given(st.dictionaries(st.sampled_from(["__name__", "code", "quantile", "grpc_code"]), st.text(max_size=40)))
def test_any_labels_can_be_read(labels: dict[str, str]) -> None:
    reading = reading_of(labels)
    assert reading is None or reading.part in ("total", "number", "failed")
