"""OTLP metrics become the series that Prometheus would have of them, log records the lines of streams."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from bot.domain.event import LogLine, LogsEvent, SamplesEvent
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.watched.telemetry import LogRules, MetricRules, WatchedSeries
from handlers.http.body import Unreadable
from handlers.sources.registry import Malformed
from handlers.telemetry import gathering
from handlers.telemetry.gathering import AHEAD_MS, Gathering, LeftOut, Watching
from handlers.telemetry.otlp_encoding import JSON, PROTOBUF, Encoding
from handlers.telemetry.otlp_logs import MOST_OF_A_LINE, cut_logs, gather_logs, stream_decision
from handlers.telemetry.otlp_metrics import cut_metrics, gather_metrics, series_decision
from handlers.telemetry.resources import MOST_ATTRIBUTES, Places

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
AT = str(NOW_MS * 1_000_000)
DELTA, CUMULATIVE = 1, 2
EVERYTHING = WatchedSeries.model_validate({"match": ["service=~.*"]})
RULES = Rules(
    correlation=CorrelationRules(partition_by=["cluster"]),
    metrics=MetricRules(watch={"all": EVERYTHING}),
    logs=LogRules(watch={"all": EVERYTHING}),
)
CHECKOUT = {"service.name": "checkout", "service.namespace": "shop", "service.instance.id": "a1", "cluster": "eu"}
IDENTITY = {
    **{"service": "checkout", "job": "shop/checkout", "instance": "a1", "cluster": "eu"},
    **{"service_name": "checkout", "service_namespace": "shop", "service_instance_id": "a1"},
}

Json = dict[str, Any]
Sample = tuple[dict[str, str], int, float]


def attributes(values: dict[str, Any]) -> list[Json]:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": key, "value": value if isinstance(value, dict) else {kinds[type(value)]: value}}
        for key, value in values.items()
    ]


def metrics_request(*metrics: Json, resource: dict[str, Any] = CHECKOUT) -> Json:
    scope = {"scope": {"name": "test"}, "metrics": list(metrics)}
    return {"resourceMetrics": [{"resource": {"attributes": attributes(resource)}, "scopeMetrics": [scope]}]}


def logs_request(*records: Json, resource: dict[str, Any] = CHECKOUT) -> Json:
    return {
        "resourceLogs": [
            {"resource": {"attributes": attributes(resource)}, "scopeLogs": [{"logRecords": list(records)}]}
        ]
    }


def taken(request: Json, rules: Rules = RULES) -> Gathering:
    messages = JSON.decode(ExportMetricsServiceRequest, json.dumps(request).encode(), cut_metrics)
    return gather_metrics(messages, NOW, Places(["cluster"]), series_decision(Watching(rules)))


def taken_logs(request: Json, rules: Rules = RULES) -> Gathering:
    messages = JSON.decode(ExportLogsServiceRequest, json.dumps(request).encode(), cut_logs)
    return gather_logs(messages, NOW, Places(["cluster"]), stream_decision(Watching(rules)))


def samples(found: Gathering) -> list[Sample]:
    return [
        (series.labels, time, value)
        for event in found.events("otlp", ["cluster"])
        if isinstance(event, SamplesEvent)
        for series in event.series
        for time, value in zip(series.times, series.values, strict=True)
    ]


def values_by_name(found: Gathering) -> dict[str, float]:
    """Each series by its name and what ``le`` or ``quantile`` it has."""
    return {
        labels["__name__"] + labels.get("le", "") + labels.get("quantile", ""): value
        for labels, _, value in samples(found)
    }


def lines(found: Gathering) -> list[LogLine]:
    events = found.events("otlp", ["cluster"])
    return [line for event in events if isinstance(event, LogsEvent) for line in event.lines]


def test_a_gauge_is_a_series_with_the_labels_of_its_resource_and_of_its_point() -> None:
    point = {"attributes": attributes({"queue.name": "mail", "shard": 3}), "timeUnixNano": AT, "asInt": "42"}
    found = taken(metrics_request({"name": "queue.depth", "unit": "{job}", "gauge": {"dataPoints": [point]}}))
    assert samples(found) == [
        ({**IDENTITY, "__name__": "queue_depth", "queue_name": "mail", "shard": "3"}, NOW_MS, 42.0)
    ]


def test_a_resource_names_its_host_and_its_place_in_kubernetes_as_alerts_do_and_the_rest_of_it_is_left_out() -> None:
    resource = {
        **{
            "service.name": "checkout",
            "host.name": "worker-3",
            "k8s.pod.name": "checkout-7d9f8",
            "k8s.node.name": "n1",
        },
        **{"k8s.namespace.name": "prod", "k8s.cluster.name": "eu", "process.pid": 4711, "telemetry.sdk.name": "x"},
    }
    point = {"timeUnixNano": AT, "asDouble": 1.0}
    [(labels, _, _)] = samples(
        taken(metrics_request({"name": "x", "gauge": {"dataPoints": [point]}}, resource=resource))
    )
    assert labels == {
        **{"__name__": "x", "service": "checkout", "job": "checkout", "service_name": "checkout"},
        **{"host": "worker-3", "host_name": "worker-3", "node": "n1", "k8s_node_name": "n1", "cluster": "eu"},
        **{"k8s_cluster_name": "eu", "pod": "checkout-7d9f8", "k8s_pod_name": "checkout-7d9f8"},
        **{"namespace": "prod", "k8s_namespace_name": "prod"},
    }


@pytest.mark.parametrize(
    ("temporality", "monotonic", "name"),
    [
        (CUMULATIVE, True, "http_requests_total"),
        (CUMULATIVE, False, "http_requests"),
        (DELTA, True, "http_requests"),
        (DELTA, False, "http_requests"),
    ],
)
def test_only_a_sum_that_counts_on_for_ever_is_named_a_counter(temporality: int, monotonic: bool, name: str) -> None:
    points = [{"timeUnixNano": AT, "asInt": 5}]
    sent = {"dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": monotonic}
    assert values_by_name(taken(metrics_request({"name": "http.requests", "unit": "{request}", "sum": sent}))) == {
        name: 5
    }


HISTOGRAM = {"timeUnixNano": AT, "count": "6", "sum": 3.0, "explicitBounds": [0.1, 1], "bucketCounts": ["1", "3", "2"]}


def test_a_histogram_is_its_count_its_sum_and_its_buckets() -> None:
    sent = {"dataPoints": [HISTOGRAM], "aggregationTemporality": CUMULATIVE}
    assert values_by_name(taken(metrics_request({"name": "http.duration", "unit": "s", "histogram": sent}))) == {
        "http_duration_seconds_count": 6,
        "http_duration_seconds_sum": 3,
        "http_duration_seconds_bucket0.1": 1,
        "http_duration_seconds_bucket1": 4,
        "http_duration_seconds_bucket+Inf": 6,
    }


@pytest.mark.parametrize("kind", ["histogram", "exponentialHistogram"])
def test_a_histogram_of_intervals_is_how_many_and_how_large_on_average(kind: str) -> None:
    point = {"timeUnixNano": AT, "count": "6", "sum": 3.0}
    sent = {"dataPoints": [point, {"timeUnixNano": AT, "count": "0", "sum": 0}], "aggregationTemporality": DELTA}
    found = taken(metrics_request({"name": "http.duration", "unit": "s", kind: sent}))
    kept = [(labels["__name__"], value) for labels, _, value in samples(found)]
    observations, mean = "http_duration_seconds_observations", "http_duration_seconds_mean"
    assert kept == [(observations, 6), (mean, 0.5), (observations, 0)]


def test_an_exponential_histogram_is_its_count_and_its_sum() -> None:
    point = {"timeUnixNano": AT, "count": "6", "sum": 3.0, "scale": 2, "positive": {"offset": 1, "bucketCounts": [6]}}
    sent = {"dataPoints": [point], "aggregationTemporality": CUMULATIVE}
    assert values_by_name(taken(metrics_request({"name": "d", "exponentialHistogram": sent}))) == {
        "d_count": 6,
        "d_sum": 3,
    }


def test_a_summary_is_its_count_its_sum_and_its_quantiles() -> None:
    point = {"timeUnixNano": AT, "count": 9, "sum": 4.5, "quantileValues": [{"quantile": 0.99, "value": 2.5}]}
    assert values_by_name(taken(metrics_request({"name": "d", "summary": {"dataPoints": [point]}}))) == {
        **{"d_count": 9, "d_sum": 4.5, "d0.99": 2.5}
    }


def test_attributes_that_become_one_label_are_joined_and_odd_values_are_json() -> None:
    odd = {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}]}}
    names = attributes({"http.route": "/a", "http_route": "/b", "ok": True, "list": odd, "none": ""})
    point = {"attributes": names, "timeUnixNano": AT, "asDouble": 1.5}
    [(labels, _, _)] = samples(taken(metrics_request({"name": "x", "gauge": {"dataPoints": [point]}}, resource={})))
    assert labels == {"__name__": "x", "http_route": "/a;/b", "ok": "true", "list": '[1,"b"]'}


def test_no_attribute_passes_for_another_metric_or_service() -> None:
    point = {"attributes": attributes({"__name__": "up", "service": "cart"}), "timeUnixNano": AT, "asDouble": 1.5}
    [(labels, _, _)] = samples(taken(metrics_request({"name": "x", "gauge": {"dataPoints": [point]}})))
    assert (labels["__name__"], labels["service"]) == ("x", "checkout")


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ({"asDouble": 1.5}, LeftOut.OUT_OF_BOUNDS),
        ({"asDouble": 1.5, "timeUnixNano": str((NOW_MS + AHEAD_MS + 1) * 1_000_000)}, LeftOut.OUT_OF_BOUNDS),
        ({"timeUnixNano": AT}, LeftOut.INVALID),
        ({"timeUnixNano": AT, "asInt": 1, "attributes": attributes({"a": "x" * 20_000})}, LeftOut.INVALID),
    ],
    ids=["no time", "future", "no value", "long"],
)
def test_a_point_that_cannot_be_taken_is_rejected_alone(point: Json, reason: LeftOut) -> None:
    good = {"timeUnixNano": AT, "asDouble": 2.5}
    found = taken(metrics_request({"name": "x", "gauge": {"dataPoints": [point, good]}}))
    assert (found.kept, found.rejected, found.left_out) == (1, 1, Counter({reason: 1}))
    assert found.first_reason


def test_a_histogram_whose_buckets_do_not_fit_its_bounds_is_rejected_whole() -> None:
    sent = {"dataPoints": [{**HISTOGRAM, "bucketCounts": [1, 2]}], "aggregationTemporality": CUMULATIVE}
    found = taken(metrics_request({"name": "x", "histogram": sent}))
    assert (found.kept, found.rejected) == (0, 1)


@pytest.mark.parametrize(
    "point",
    [{"asDouble": "NaN"}, {"asDouble": "-Infinity"}, {"flags": 1}],
    ids=["NaN", "infinite", "no recorded value"],
)
def test_what_is_no_finite_number_is_left_out_and_is_no_fault_of_the_sender(point: Json) -> None:
    sent = {"dataPoints": [{"timeUnixNano": AT, **point}]}
    found = taken(metrics_request({"name": "x", "gauge": sent}))
    assert (found.kept, found.rejected, found.left_out) == (0, 0, Counter({LeftOut.NOT_FINITE: 1}))


def test_what_nobody_watches_is_counted_and_dropped() -> None:
    metric = {"name": "x", "gauge": {"dataPoints": [{"timeUnixNano": AT, "asInt": 1}]}}
    found = taken(metrics_request(metric), Rules())
    assert (found.kept, found.rejected, found.left_out) == (0, 0, Counter({LeftOut.UNWATCHED: 1}))
    of_logs = taken_logs(logs_request({"body": {"stringValue": "x"}}, {"body": {"stringValue": "y"}}), Rules())
    assert (of_logs.kept, of_logs.rejected, of_logs.left_out) == (0, 0, Counter({LeftOut.UNWATCHED: 2}))


@pytest.mark.parametrize(
    "resource", [{f"service.{i}": "x" for i in range(MOST_ATTRIBUTES + 1)}, {"process.command": "x" * 70_000}]
)
def test_a_resource_that_says_too_much_is_rejected_with_its_points_and_records(resource: dict[str, str]) -> None:
    metric = {"name": "x", "gauge": {"dataPoints": [{"timeUnixNano": AT, "asInt": 1}] * 2}}
    for found in (
        taken(metrics_request(metric, resource=resource)),
        taken_logs(logs_request({"body": {"stringValue": "a"}}, {"body": {"stringValue": "b"}}, resource=resource)),
    ):
        assert (found.kept, found.left_out) == (0, Counter({LeftOut.INVALID: 2}))


def test_a_name_of_any_length_is_bounded() -> None:
    metric = {"name": "x" * 100_000, "gauge": {"dataPoints": [{"timeUnixNano": AT, "asInt": 1}]}}
    [name] = values_by_name(taken(metrics_request(metric)))
    assert len(name) < 1000


def test_more_than_is_taken_at_once_is_refused_also_of_what_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_AT_ONCE", 1000)
    with pytest.raises(Unreadable) as refused:
        taken_logs(logs_request(*[{}] * 1001))
    assert refused.value.status == 413
    empty: list[Json] = [{}] * 1001
    for metrics in (empty, [{"gauge": {"dataPoints": empty}}]):
        with pytest.raises(Unreadable):
            taken(metrics_request(*metrics))
    with pytest.raises(Unreadable):
        taken({"resourceMetrics": [{}] * 1001})


def test_log_records_of_one_resource_are_the_lines_of_one_stream() -> None:
    records: list[Json] = [
        {
            "timeUnixNano": AT,
            "severityNumber": 17,
            "severityText": "critical",
            "body": {"stringValue": "out of memory"},
        },
        {"observedTimeUnixNano": AT, "severityText": "notice", "body": {"stringValue": "hello"}, "traceId": "5B8E"},
        {"body": {"kvlistValue": {"values": attributes({"user": "a", "n": 1})}}},
    ]
    [event] = taken_logs(logs_request(*records)).events("otlp", ["cluster"])
    assert event == LogsEvent(
        "otlp",
        IDENTITY,
        [
            LogLine(NOW_MS, "out of memory", "ERROR"),
            LogLine(NOW_MS, "hello", "NOTICE"),
            LogLine(NOW_MS, '{"user":"a","n":1}'),
        ],
    )


def test_a_line_of_a_megabyte_is_cut_and_what_no_database_holds_is_replaced() -> None:
    records = [{"body": {"stringValue": text}} for text in ("x" * 2**20, "a\x00b\x1bc")]
    long, binary = lines(taken_logs(logs_request(*records)))
    assert (len(long.text), long.text[-2:]) == (MOST_OF_A_LINE, "x…")
    assert binary.text == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_a_record_without_a_body_or_from_the_future_is_rejected_alone() -> None:
    future = {"timeUnixNano": str((NOW_MS + AHEAD_MS + 1) * 1_000_000), "body": {"stringValue": "later"}}
    found = taken_logs(logs_request({"timeUnixNano": AT}, future, {"body": {"stringValue": "now"}}))
    assert (found.kept, found.rejected) == (1, 2)


def test_json_of_otlp_has_ids_in_hexadecimal_digits_integers_as_text_and_fields_that_are_unknown() -> None:
    exemplar = {
        "timeUnixNano": AT,
        "asInt": "1",
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
    }
    points = [{"timeUnixNano": AT, "asInt": "9007199254740993", "exemplars": [exemplar], "new": {"field": 1}}]
    sent = {"dataPoints": points, "aggregationTemporality": 2, "isMonotonic": True}
    assert values_by_name(taken(metrics_request({"name": "x", "sum": sent}))) == {"x_total": 9007199254740992}
    record = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE", "body": {"stringValue": "x"}}
    assert [line.text for line in lines(taken_logs(logs_request(record)))] == ["x"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"resourceMetrics":1}', b"[" * 100_000])
def test_json_that_is_not_otlp_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        list(JSON.decode(ExportMetricsServiceRequest, body, cut_metrics))


REQUEST = metrics_request(
    {"name": "x", "histogram": {"dataPoints": [HISTOGRAM]}}, {"name": "y", "gauge": {"dataPoints": [{"asInt": 1}]}}
)
ENCODED = next(JSON.decode(ExportMetricsServiceRequest, json.dumps(REQUEST).encode(), cut_metrics)).SerializeToString()


def _read(encoding: Encoding, body: bytes) -> None:
    """Read or malformed; whatever else happens is the server's fault."""
    try:
        message = list(encoding.decode(ExportMetricsServiceRequest, body, cut_metrics))
        logs = list(encoding.decode(ExportLogsServiceRequest, body, cut_logs))
    except Malformed:
        return
    gather_metrics(message, NOW, Places([]), series_decision(Watching(RULES)))
    gather_logs(logs, NOW, Places([]), stream_decision(Watching(RULES)))


@given(st.binary(max_size=200), st.sampled_from([JSON, PROTOBUF]))
def test_noise_is_read_or_malformed(body: bytes, encoding: Encoding) -> None:
    _read(encoding, body)


@given(st.integers(0, len(ENCODED) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_malformed(at: int, byte: int) -> None:
    _read(PROTOBUF, ENCODED[:at] + bytes([byte]) + ENCODED[at + 1 :])


@given(st.integers(0, len(ENCODED) - 1))
def test_what_is_cut_off_is_read_or_malformed(at: int) -> None:
    _read(PROTOBUF, ENCODED[:at])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceMetrics", "scopeMetrics", "metrics", "gauge", "sum", "dataPoints", "resource", "name"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_any_json_is_read_or_malformed(value: object) -> None:
    _read(JSON, json.dumps(value).encode())
