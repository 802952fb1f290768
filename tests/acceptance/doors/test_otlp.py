"""An application instrumented with OpenTelemetry's SDK writes to a real bot, which keeps what is watched."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from bot.domain.event import Event, LogsEvent, SamplesEvent, decode_events
from tests.acceptance.harness import Tandem, running
from tests.acceptance.wire import AUTHENTIC

CONFIG = {
    "metrics": {"watch": {"orders": {"match": ["__name__=orders_total"]}}},
    "logs": {"watch": {"shop": {"match": ["service=shop"]}}},
}


def _application(url: str) -> None:
    resource = Resource({"service.name": "shop"})
    exporter = OTLPMetricExporter(f"{url}/v1/metrics", headers=AUTHENTIC, compression=Compression.Gzip)
    meters = MeterProvider([PeriodicExportingMetricReader(exporter)], resource)
    meters.get_meter("shop").create_counter("orders").add(3)
    meters.get_meter("shop").create_counter("visits").add(7)
    meters.shutdown()
    logs = OTLPLogExporter(f"{url}/v1/logs", headers=AUTHENTIC, compression=Compression.Gzip)
    loggers = LoggerProvider(resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    loggers.get_logger("shop").emit(LogRecord(severity_number=SeverityNumber.WARN, body="the shelf is empty"))
    loggers.shutdown()


def _inbox(tandem: Tandem) -> list[Event]:
    with contextlib.closing(sqlite3.connect(tandem.folder / "tandem.inbox.db", timeout=10)) as connection:
        payloads = connection.execute("SELECT payload FROM inbox WHERE source = 'otlp' ORDER BY seq").fetchall()
    return [event for (payload,) in payloads for event in decode_events(payload)]


async def test_what_an_application_exports_and_somebody_watches_is_in_the_inbox(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as tandem:
        await asyncio.to_thread(_application, tandem.url)
        samples, lines = _inbox(tandem)
    assert isinstance(samples, SamplesEvent)
    assert [(series.labels["__name__"], series.values) for series in samples.series] == [("orders_total", [3])]
    assert isinstance(lines, LogsEvent)
    assert [(line.text, line.severity) for line in lines.lines] == [("the shelf is empty", "WARN")]
