"""A large request is decoded in small pieces: the same comes of it, and what is tiny when packed stays bounded."""

import random
import tracemalloc
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from bot.domain.event import LogsEvent, SamplesEvent
from handlers.http.body import Unreadable
from handlers.sources.registry import Malformed
from handlers.telemetry import pieces as cutting
from handlers.telemetry import remote_write
from handlers.telemetry.gathering import Gathering, Watching
from handlers.telemetry.otlp_encoding import JSON, PROTOBUF
from handlers.telemetry.otlp_logs import cut_logs, gather_logs, stream_decision
from handlers.telemetry.otlp_metrics import cut_metrics, gather_metrics, series_decision
from handlers.telemetry.pieces import fields_of, framed, pieces
from handlers.telemetry.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest
from handlers.telemetry.resources import Places
from tests.unit.handlers.test_otlp import NOW, RULES

AT_NS = int(NOW.timestamp()) * 10**9
AT_MS = int(NOW.timestamp()) * 1000
WATCHING = Watching(RULES)


def _metrics(body: bytes) -> Gathering:
    requests = PROTOBUF.decode(ExportMetricsServiceRequest, body, cut_metrics)
    return gather_metrics(requests, NOW, Places([]), series_decision(WATCHING))


def _logs(body: bytes) -> Gathering:
    requests = PROTOBUF.decode(ExportLogsServiceRequest, body, cut_logs)
    return gather_logs(requests, NOW, Places([]), stream_decision(WATCHING))


def _write(body: bytes) -> Gathering:
    return remote_write.gather(body, NOW, remote_write.series_decision(WATCHING))


def _in_order(found: Gathering) -> list[object]:
    events = found.events("x", RULES.correlation.partition_by)
    series = [one for event in events if isinstance(event, SamplesEvent) for one in event.series]
    lines = [line.text for event in events if isinstance(event, LogsEvent) for line in event.lines]
    samples = [(one.labels, time, value) for one in series for time, value in zip(one.times, one.values, strict=True)]
    return [*samples, *lines]


def _metrics_request() -> bytes:
    request = ExportMetricsServiceRequest()
    for host in range(3):
        of_resource = request.resource_metrics.add()
        of_resource.resource.attributes.add(key="service.name").value.string_value = "checkout"
        of_resource.resource.attributes.add(key="host.name").value.string_value = f"h{host}"
        for scope in range(2):
            metrics = of_resource.scope_metrics.add()
            for number in range(3):
                metric = metrics.metrics.add(name=f"m{scope}{number}", unit="s")
                metric.sum.is_monotonic = bool(number)
                metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
                for point in range(5):
                    one = metric.sum.data_points.add(time_unix_nano=AT_NS, as_double=point)
                    one.attributes.add(key="point").value.string_value = str(point)
    return request.SerializeToString()


def _logs_request() -> bytes:
    request = ExportLogsServiceRequest()
    for host in range(2):
        of_resource = request.resource_logs.add()
        of_resource.resource.attributes.add(key="service.name").value.string_value = "checkout"
        records = of_resource.scope_logs.add().log_records
        for number in range(20):
            records.add(time_unix_nano=AT_NS).body.string_value = f"line {host} {number}"
    return request.SerializeToString()


def _write_request() -> bytes:
    names = {"__name__": "up", "service": "checkout"}
    return WriteRequest(
        timeseries=[
            TimeSeries(
                labels=[
                    Label(name=key, value=value).SerializeToString()
                    for key, value in {**names, "n": str(number)}.items()
                ],
                samples=[Sample(timestamp=AT_MS + sample, value=sample) for sample in range(9)],
            )
            for number in range(9)
        ]
    ).SerializeToString()


@pytest.mark.parametrize("size", [60, 90, 200, 700])
@pytest.mark.parametrize(
    ("gather", "body"), [(_metrics, _metrics_request()), (_logs, _logs_request()), (_write, _write_request())]
)
def test_the_same_comes_of_a_request_in_pieces_as_of_the_whole(
    gather: Callable[[bytes], Gathering], body: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _in_order(gather(body))
    assert whole
    monkeypatch.setattr(cutting, "PIECE", size)
    assert _in_order(gather(body)) == whole


def _empty_points(count: int) -> bytes:
    """An export of a gauge with so many empty data points, two bytes each."""
    inner = framed(1, b"") * count
    for number in (5, 2, 2, 1):
        inner = framed(number, inner)
    return inner


TINY = {
    "data points": (_metrics, _empty_points(5_000_000)),
    "metrics": (_metrics, framed(1, framed(2, framed(2, b"") * 5_000_000))),
    "resources": (_metrics, framed(1, b"") * 5_000_000),
    "attributes of a resource": (_metrics, framed(1, framed(1, framed(1, b"") * 5_000_000))),
    "attributes of a data point": (
        _metrics,
        framed(1, framed(2, framed(2, framed(5, framed(1, framed(7, b"") * 10**6))))),
    ),
    "log records": (_logs, framed(1, framed(2, framed(2, b"") * 5_000_000))),
    "series": (_write, framed(1, b"") * 5_000_000),
    "samples": (_write, framed(1, framed(2, b"") * 5_000_000)),
    "labels": (_write, framed(1, framed(1, b"") * 5_000_000)),
}


@pytest.mark.parametrize("what", TINY)
def test_millions_of_empty_parts_are_refused_before_they_are_decoded(what: str) -> None:
    gather, body = TINY[what]
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable) as refused:
            gather(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 60 * 2**20  # of Python's own: whatever protobuf takes besides is bounded by the piece


def test_a_large_log_line_is_taken_and_its_attributes_are_not_looked_at() -> None:
    record = framed(5, framed(1, b"x" * 2**20)) + framed(6, b"") * 100_000 + b"\x09" + AT_NS.to_bytes(8, "little")
    resource = framed(1, framed(1, framed(1, b"service.name") + framed(2, framed(1, b"checkout"))))
    [line] = _in_order(_logs(framed(1, resource + framed(2, framed(2, record)))))
    assert str(line).startswith("xxx")


@pytest.mark.parametrize("body", [b"\x0a\xff", b"\x0b", b"\x0a\x05ab", b"\xff" * 11, b"\x0d\x00", b"\x0a"])
def test_what_is_no_protobuf_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        list(fields_of(body))


def test_random_bytes_are_read_or_refused_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "PIECE", 10)
    chance = random.Random(1)
    for _ in range(3000):
        body = bytes(chance.choice(b"\x0a\x12\x02\x00\x05\xff\x2a\x08") for _ in range(chance.randrange(60)))
        for gather in (_metrics, _logs, _write):
            try:
                gather(body)
            except (Malformed, Unreadable):
                continue


def test_pieces_are_small_and_each_has_what_is_beside_the_spine() -> None:
    message = framed(9, b"beside") + framed(1, b"x" * 1000) * 2000
    parts = list(pieces(message, [frozenset({1})]))
    assert len(parts) > 5
    assert all(len(part) <= cutting.PIECE + 100 and part.startswith(framed(9, b"beside")) for part in parts)


def test_json_of_millions_of_empty_objects_is_refused_before_it_is_decoded() -> None:
    body = b'{"resourceMetrics":[' + b"{}," * 1_000_000 + b"{}]}"
    with pytest.raises(Unreadable, match="objects and lists"):
        list(JSON.decode(ExportMetricsServiceRequest, body, cut_metrics))
