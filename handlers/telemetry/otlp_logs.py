"""OTLP log records as lines of streams. A stream is what one resource says: its labels are the resource's.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from bot.domain.event import LogLine
from handlers.sources.clean import clean
from handlers.telemetry.attributes import value_text
from handlers.telemetry.gathering import Gathering, InvalidPart, Kept, LeftOut, Watching
from handlers.telemetry.pieces import PIECE, Encoded, fields_of, pieces
from handlers.telemetry.resources import MOST_PLACES, Place, Places

MOST_OF_A_LINE = 8192
"""Characters; what is longer is cut."""
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

_SPINE = (frozenset({1}), frozenset({2}), frozenset({2}))
"""Resources, scopes, log records."""
_BODY, _A_STRING = 5, b"\x0a"
_READ = frozenset({1, 2, 3, _BODY, 11, 12})
"""Fields of a log record: time, severity as number and text, body, when it was observed, the event's name."""

StreamDecision = Callable[[Place], Kept | None]
"""From a place to the stream that is kept. Raises InvalidPart."""


def stream_decision(watching: Watching) -> StreamDecision:
    """Remembers what it has decided."""

    @lru_cache(maxsize=MOST_PLACES)
    def decide(place: Place) -> Kept | None:
        return watching.stream({**place.labels, **place.identity})

    return decide


def cut_logs(body: bytes) -> Iterator[bytes]:
    """A request in small ones. Raises Malformed, Unreadable."""
    return pieces(body, _SPINE, _shortened)


def _shortened(record: Encoded) -> bytes:
    """A large record without its attributes, which nobody looks at, and without a body that would not be taken."""
    return b"".join(
        record[start:end]
        for number, start, value, end in fields_of(record)
        if number in _READ and (number != _BODY or record[value : value + 1] == _A_STRING or end - value <= PIECE)
    )


def gather_logs(
    requests: Iterable[ExportLogsServiceRequest], received_at: datetime, places: Places, decide: StreamDecision
) -> Gathering:
    """What a delivery comes to, which is there in parts. Raises Unreadable."""
    gathering = Gathering(received_at)
    for request in requests:
        _gather_part(gathering, request, places, decide)
    return gathering


def _gather_part(
    gathering: Gathering, request: ExportLogsServiceRequest, places: Places, decide: StreamDecision
) -> None:
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
