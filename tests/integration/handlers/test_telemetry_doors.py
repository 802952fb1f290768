"""The doors for metrics and logs over HTTP: what OpenTelemetry's own exporters write, and what each sender is told."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cramjam
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import REGISTRY
from sqlalchemy import text

from bot.domain.event import Event, LogsEvent, SamplesEvent
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.watched.telemetry import LogRules, MetricRules, Watched, WatchedSeries
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.intake import Intake
from bot.services import utc_now
from bot.storage.database import open_database
from handlers.telemetry import add_telemetry_routes
from handlers.telemetry import endpoint as door
from handlers.telemetry.endpoint import MAX_BODY
from handlers.telemetry.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest
from tests.acceptance.harness import TOKEN, until
from tests.acceptance.wire import AUTHENTIC
from tests.conftest import database_of

RULES = Rules(
    correlation=CorrelationRules(partition_by=["cluster"]),
    metrics=MetricRules(watch={"checkout": WatchedSeries.model_validate({"match": ["service=checkout"]})}),
    logs=LogRules(watch={"checkout": Watched.model_validate({"match": ["service=checkout"]})}),
)
RESOURCE = Resource({"service.name": "checkout", "service.instance.id": "a1", "k8s.cluster.name": "eu"})
PROTOBUF, JSON = "application/x-protobuf", "application/json"
REMOTE_WRITE = {"Content-Type": PROTOBUF, "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


M = TypeVar("M", bound=Message)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Doors(NamedTuple):
    address: str
    session: ClientSession
    inbox: Inbox

    def url(self, path: str) -> str:
        return self.address + path

    async def post(self, path: str, body: bytes, **headers: str) -> Answer:
        given = {**AUTHENTIC, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.session.post(self.url(path), data=body, headers=given) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def write(self, *series: TimeSeries, **headers: str) -> Answer:
        packed = bytes(cramjam.snappy.compress_raw(WriteRequest(timeseries=series).SerializeToString()))
        return await self.post("/api/v1/write", packed, **{**REMOTE_WRITE, **headers})

    async def events(self) -> list[Event]:
        partitions = range(RULES.partitions)
        entries = [entry for number in partitions for entry in (await self.inbox.entries_after(number, 0, 100)).entries]
        return [event for entry in entries for event in entry.events]

    @asynccontextmanager
    async def without_storage(self) -> AsyncIterator[None]:
        await self._rename("inbox", "elsewhere")
        yield
        await self._rename("elsewhere", "inbox")

    async def _rename(self, name: str, to: str) -> None:
        async with database_of(self.inbox).write() as connection:
            await connection.execute(text(f"ALTER TABLE {name} RENAME TO {to}"))


@asynccontextmanager
async def open_doors(inbox: Inbox, **bounds: Any) -> AsyncIterator[Doors]:
    intake = Intake(inbox, **bounds)
    intake.start()
    http = web.Application()
    add_telemetry_routes(http, intake, TOKEN, utc_now, RULES)
    server = TestServer(http)
    await server.start_server(auto_decompress=False)
    async with ClientSession() as session:
        yield Doors(str(server.make_url("")).rstrip("/"), session, inbox)
    await server.close()
    await intake.stop()


@pytest.fixture
async def doors(inbox: Inbox) -> AsyncIterator[Doors]:
    async with open_doors(inbox) as doors:
        yield doors


@pytest.fixture
async def refusing(tmp_path: Path) -> AsyncIterator[Doors]:
    """Doors at which nothing comes as far as the database."""
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    async with open_doors(open_inbox(database)) as doors:
        yield doors
    await database.close()


def _now_ms() -> int:
    return int(utc_now().timestamp() * 1000)


def _series(*values: float, **labels: str) -> TimeSeries:
    labels = {"__name__": "up", "cluster": "eu", "service": "checkout", **labels}
    return TimeSeries(
        labels=[Label(name=name, value=value).SerializeToString() for name, value in labels.items()],
        samples=[Sample(timestamp=_now_ms(), value=value) for value in values],
    )


def _export_metrics(url: str, compression: Compression) -> None:
    exporter = OTLPMetricExporter(url, headers=AUTHENTIC, compression=compression)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=1e9)], RESOURCE)
    meter = provider.get_meter("test")
    meter.create_counter("http.requests", unit="{request}").add(3, {"http.route": "/cart"})
    meter.create_gauge("queue.depth").set(7.5)
    meter.create_histogram("http.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1]).record(0.5)
    provider.shutdown()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
async def test_metrics_of_the_opentelemetry_sdk_are_in_the_inbox(doors: Doors, compression: Compression) -> None:
    await asyncio.to_thread(_export_metrics, doors.url("/v1/metrics"), compression)
    [event] = await doors.events()
    assert isinstance(event, SamplesEvent)
    assert (event.source, event.labels) == ("otlp", {"cluster": "eu"})
    assert {series.labels["__name__"] + series.labels.get("le", ""): series.values for series in event.series} == {
        **{"http_requests_total": [3], "queue_depth": [7.5], "http_duration_seconds_count": [1]},
        **{"http_duration_seconds_sum": [0.5], "http_duration_seconds_bucket0.1": [0]},
        **{"http_duration_seconds_bucket1": [1], "http_duration_seconds_bucket+Inf": [1]},
    }
    assert {series.labels["service"] for series in event.series} == {"checkout"}


def _export_logs(url: str) -> None:
    provider = LoggerProvider(RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(url, headers=AUTHENTIC)))
    at = _now_ms() * 1_000_000
    record = LogRecord(timestamp=at, severity_number=SeverityNumber.ERROR, body="out of memory", event_name="oom")
    provider.get_logger("test").emit(record)
    assert provider.force_flush()
    provider.shutdown()


async def test_logs_of_the_opentelemetry_sdk_are_in_the_inbox_also_when_it_was_down_at_first(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "RETRY_AFTER_OUTAGE", 1)
    async with doors.without_storage():
        exported = asyncio.create_task(asyncio.to_thread(_export_logs, doors.url("/v1/logs")))
        await asyncio.sleep(0.3)
        assert not exported.done()
    await asyncio.wait_for(exported, 20)
    [event] = await doors.events()
    assert isinstance(event, LogsEvent)
    assert (event.labels["service"], event.labels["cluster"]) == ("checkout", "eu")
    assert [(line.text, line.severity) for line in event.lines] == [("out of memory", "ERROR")]


async def test_remote_write_answers_204_when_what_is_watched_is_in_the_inbox(doors: Doors) -> None:
    assert (await doors.write(_series(1, 2), _series(3, service="cart"))).status == 204
    [event] = await doors.events()
    assert isinstance(event, SamplesEvent)
    assert [series.values for series in event.series] == [[1, 2]]


async def test_remote_write_keeps_what_is_valid_and_says_with_400_what_is_not(doors: Doors) -> None:
    broken = _series(1)
    broken.labels.append(broken.labels[0])
    answer = await doors.write(broken, _series(2))
    assert answer.status == 400
    assert b"1 samples are invalid" in answer.body
    [event] = await doors.events()
    assert isinstance(event, SamplesEvent)
    assert [series.values for series in event.series] == [[2]]


async def test_an_empty_delivery_is_taken(doors: Doors) -> None:
    assert (await doors.write()).status == 204
    assert (await doors.post("/v1/metrics", b"", Content_Type=PROTOBUF)).status == 200
    assert (await doors.post("/v1/logs", b"{}", Content_Type=JSON)).status == 200


WRONG_WRITES = {
    "packed as gzip": ({"Content-Encoding": "gzip"}, gzip.compress(b""), 415),
    "of version 2.0": ({"Content-Type": f"{PROTOBUF};proto=io.prometheus.write.v2.Request"}, b"\0", 415),
    "of another type": ({"Content-Type": JSON}, b"\0", 415),
    "not packed": ({}, b"\xff" * 20, 400),
    "packed, but no protobuf": ({}, bytes(cramjam.snappy.compress_raw(b"\xff" * 20)), 400),
    "a bomb": ({}, bytes(cramjam.snappy.compress_raw(bytes(MAX_BODY + 1))), 413),
    "large": ({}, bytes(MAX_BODY + 1), 413),
    "of a stranger": ({"Authorization": "Bearer x"}, b"\0", 401),
}


@pytest.mark.parametrize("case", WRONG_WRITES)
async def test_a_remote_write_that_can_never_succeed_is_refused_for_good(refusing: Doors, case: str) -> None:
    headers, body, status = WRONG_WRITES[case]
    answer = await refusing.post("/api/v1/write", body, **{**REMOTE_WRITE, **headers})
    assert (answer.status, json.loads(answer.body)["status"]) == (status, status)


WRONG_EXPORTS = {
    "of another type": ({"Content-Type": "text/plain"}, b"", 415, JSON),
    "no protobuf": ({"Content-Type": PROTOBUF}, b"\xff" * 20, 400, PROTOBUF),
    "no JSON": ({"Content-Type": JSON}, b"[", 400, JSON),
    "no gzip": ({"Content-Type": JSON, "Content-Encoding": "gzip"}, b"{}", 400, JSON),
    "a bomb": (
        {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"},
        gzip.compress(bytes(MAX_BODY + 1)),
        413,
        PROTOBUF,
    ),
    "of a stranger": ({"Content-Type": PROTOBUF, "Authorization": "Bearer x"}, b"", 401, PROTOBUF),
}


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs", "/v1/traces"])
@pytest.mark.parametrize("case", WRONG_EXPORTS)
async def test_an_export_that_can_never_succeed_is_refused_in_its_own_encoding(
    refusing: Doors, case: str, path: str
) -> None:
    headers, body, status, encoding = WRONG_EXPORTS[case]
    answer = await refusing.post(path, body, **headers)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (status, encoding)
    assert decoded(answer, Status).message


def decoded(answer: Answer, kind: type[M]) -> M:
    """An answer, by what it says of its encoding."""
    if answer.headers["Content-Type"] == PROTOBUF:
        return kind.FromString(answer.body)
    return json_format.Parse(answer.body, kind())


def _lines(*texts: str) -> bytes:
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "checkout"
    records = of_resource.scope_logs.add().log_records
    for line in texts:
        records.add(time_unix_nano=_now_ms() * 1_000_000).body.string_value = line
    return request.SerializeToString()


def _gauges(*times_ms: int) -> bytes:
    points = [{"timeUnixNano": str(time * 1_000_000), "asInt": "1"} for time in times_ms]
    service = {"key": "service.name", "value": {"stringValue": "checkout"}}
    scope = {"metrics": [{"name": "x", "gauge": {"dataPoints": points}}]}
    return json.dumps({"resourceMetrics": [{"resource": {"attributes": [service]}, "scopeMetrics": [scope]}]}).encode()


async def test_a_whole_success_says_nothing_and_a_partial_one_how_many_were_rejected(doors: Doors) -> None:
    whole = await doors.post("/v1/metrics", _gauges(_now_ms()), Content_Type=JSON)
    assert (whole.status, whole.body) == (200, b"{}")
    partial = await doors.post("/v1/metrics", _gauges(_now_ms(), 0), Content_Type=JSON)
    assert partial.status == 200
    said = decoded(partial, ExportMetricsServiceResponse).partial_success
    assert (said.rejected_data_points, said.error_message != "") == (1, True)
    logs = await doors.post("/v1/logs", _lines("a line", ""), Content_Type=PROTOBUF)
    assert (logs.status, logs.headers["Content-Type"]) == (200, PROTOBUF)
    assert decoded(logs, ExportLogsServiceResponse).partial_success.rejected_log_records == 1
    assert len(await doors.events()) == 3


async def test_large_json_is_taken_as_well(doors: Doors) -> None:
    assert (await doors.post("/v1/metrics", _gauges(*[_now_ms()] * 5000), Content_Type=JSON)).status == 200
    found = [one for one in await doors.events() if isinstance(one, SamplesEvent)]
    assert sum(len(series.times) for one in found for series in one.series) == 5000


async def test_beyond_the_bound_every_sender_is_answered_with_what_makes_it_come_again(inbox: Inbox) -> None:
    async with open_doors(inbox, max_entries=0) as doors:
        answers = [
            await doors.write(_series(1)),
            await doors.post("/v1/metrics", _gauges(_now_ms()), Content_Type=JSON),
            await doors.post("/v1/logs", _lines("a line"), Content_Type=PROTOBUF),
        ]
        assert [answer.status for answer in answers] == [503, 429, 429]
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
        assert "full" in decoded(answers[2], Status).message
        assert (await doors.write(_series(1, service="cart"))).status == 204


async def test_beyond_so_many_requests_at_a_time_senders_are_asked_to_come_again(
    refusing: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_PRESENT", 1)
    body_comes = asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        yield b"{"
        await body_comes.wait()
        yield b"}"

    headers = {**AUTHENTIC, "Content-Type": JSON}
    first = asyncio.create_task(refusing.session.post(refusing.url("/v1/logs"), data=slow_body(), headers=headers))

    async def full() -> bool:
        return (await refusing.post("/v1/logs", b"{}", Content_Type=JSON)).status == 429

    await until(full, "the first request has entered")
    assert (await refusing.write(_series(1))).status == 503
    body_comes.set()
    assert (await first).status == 200
    assert (await refusing.post("/v1/logs", b"{}", Content_Type=JSON)).status == 200


async def test_while_the_database_takes_nothing_every_sender_is_answered_with_503_and_nothing_is_counted(
    doors: Doors,
) -> None:
    def counted() -> list[float]:
        names = [("tandem_telemetry_kept_total", {"door": "remote_write"})]
        names += [("tandem_telemetry_left_out_total", {"door": "remote_write", "reason": "unwatched"})]
        return [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in names]

    before = counted()
    async with doors.without_storage():
        answers = await asyncio.gather(
            doors.write(_series(1, 2), _series(3, service="cart")),
            doors.post("/v1/metrics", _gauges(_now_ms()), Content_Type=JSON),
            doors.post("/v1/logs", _lines("a line"), Content_Type=PROTOBUF),
        )
    assert [answer.status for answer in answers] == [503, 503, 503]
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert (await doors.events(), counted()) == ([], before)
    assert (await doors.write(_series(1, 2), _series(3, service="cart"))).status == 204
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1]
