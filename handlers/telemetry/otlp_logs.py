"""OTLP log records as lines of streams. A stream is what one resource says: its labels are the resource's.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from bot.domain.event import LogLine
from handlers.sources.clean import clean
from handlers.telemetry.attributes import value_text
from handlers.telemetry.gathering import Gathering, InvalidPart, Kept, LeftOut, Watching
from handlers.telemetry.resources import MOST_PLACES, Place, Places

MOST_OF_A_LINE = 8192
"""Characters; what is longer is cut."""
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

StreamDecision = Callable[[Place], Kept | None]
"""From a place to the stream that is kept. Raises InvalidPart."""


def stream_decision(watching: Watching) -> StreamDecision:
    """Remembers what it has decided."""

    @lru_cache(maxsize=MOST_PLACES)
    def decide(place: Place) -> Kept | None:
        return watching.stream({**place.labels, **place.identity})

    return decide


def gather_logs(
    request: ExportLogsServiceRequest, received_at: datetime, places: Places, decide: StreamDecision
) -> Gathering:
    """What a delivery comes to. Raises Unreadable."""
    gathering = Gathering(received_at)
    for of_resource in request.resource_logs:
        gathering.count(1 + len(of_resource.scope_logs))
        sent = sum(len(scope.log_records) for scope in of_resource.scope_logs)
        gathering.count(sent)
        try:
            kept = decide(places.of(of_resource.resource))
        except InvalidPart as error:
            gathering.reject(sent, LeftOut.INVALID, str(error))
            continue
        if kept is None:
            gathering.unwatched(sent)
            continue
        for scope in of_resource.scope_logs:
            for record in scope.log_records:
                _gather_record(gathering, kept, record)
    return gathering


def _gather_record(gathering: Gathering, kept: Kept, record: LogRecord) -> None:
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    time = nanoseconds // 1_000_000 if nanoseconds else gathering.received_ms
    try:
        text = value_text(record.body) or clean(record.event_name)
    except InvalidPart as error:
        gathering.reject(1, LeftOut.INVALID, str(error))
        return
    if not gathering.in_bounds(time):
        gathering.reject(1, LeftOut.OUT_OF_BOUNDS, "the time of a log record is in the future")
    elif not text:
        gathering.reject(1, LeftOut.INVALID, "a log record has no body")
    else:
        gathering.line(kept, LogLine(time, _cut(text), _severity(record)))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_OF_A_LINE else f"{text[: MOST_OF_A_LINE - 1]}…"


def _severity(record: LogRecord) -> str:
    """By its number; by its text where it has no number.

    https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
    """
    number = int(record.severity_number)
    if 1 <= number <= 24:
        return _SEVERITIES[(number - 1) // 4]
    return clean(record.severity_text)[:20].upper()
