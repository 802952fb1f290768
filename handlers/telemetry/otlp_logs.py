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
from handlers.telemetry.applications import Applications
from handlers.telemetry.attributes import value_text
from handlers.telemetry.gathering import Gathering, InvalidPart, Kept, LeftOut, Watching
from handlers.telemetry.llm import names, spans
from handlers.telemetry.llm.reading import name, read
from handlers.telemetry.llm.tallies import Version
from handlers.telemetry.pieces import PIECE, Encoded, fields_of, pieces
from handlers.telemetry.resources import MOST_PLACES, Place, Places
from handlers.telemetry.traced_streams import TracedStreams

MOST_OF_A_LINE = 8192
"""Characters; what is longer is cut."""
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

_SPINE = (frozenset({1}), frozenset({2}), frozenset({2}))
"""Resources, scopes, log records."""
_BODY, _A_STRING = 5, b"\x0a"
_READ = frozenset({1, 2, 3, _BODY, 9, 10, 11, 12})
"""Fields of a log record: time, severity as number and text, body, trace, span, when observed, the event's name."""
_ATTRIBUTES, _SHORT = 6, 1024
_MOST_LOOKED_AT = 64
"""Attributes of a record without an event's name in which that is looked for, as it was written in earlier days."""

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
    """A large record without its long attributes, and without a body that would not be taken."""
    return b"".join(
        record[start:end]
        for number, start, value, end in fields_of(record)
        if (number in _READ and (number != _BODY or record[value : value + 1] == _A_STRING or end - value <= PIECE))
        or (number == _ATTRIBUTES and end - value <= _SHORT)
    )


def gather_logs(
    requests: Iterable[ExportLogsServiceRequest],
    received_at: datetime,
    places: Places,
    decide: StreamDecision,
    applications: Applications | None = None,
    traced: TracedStreams | None = None,
) -> Gathering:
    """What a delivery comes to, which is there in parts. Raises Unreadable.

    Evaluations of what a language model answered are kept for their application, whether its lines are watched or not.
    """
    gathering = Gathering(received_at, traced)
    for request in requests:
        _gather_part(gathering, request, places, decide)
        if applications is not None:
            _gather_evaluations(gathering, request, applications)
    return gathering


def _gather_evaluations(gathering: Gathering, request: ExportLogsServiceRequest, applications: Applications) -> None:
    for of_resource in request.resource_logs:
        found = [record for scope in of_resource.scope_logs for record in scope.log_records if _is_evaluation(record)]
        if not found:
            continue
        try:
            tallies = gathering.tallies_of(applications.of(of_resource.resource))
        except InvalidPart:
            continue  # the records were rejected as lines are
        for record in found:
            nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
            at = nanoseconds // 1_000_000 or gathering.received_ms
            given = read(record.attributes)
            result = spans.of_evaluation(given)
            if result is not None and gathering.in_bounds(at):
                known = applications.version_of(record.span_id, name(given, names.RESPONSE))
                tallies.add(_version(spans.version_of(given, known), known), [result], at)


def _version(own: Version, known: Version | None) -> Version:
    """What an evaluation says of itself, and what is known of the call that it is of."""
    return own if known is None or own.model else own._replace(model=known.model)


def _is_evaluation(record: LogRecord) -> bool:
    if record.event_name:
        return record.event_name in names.EVALUATION_EVENTS
    if not record.attributes or len(record.attributes) > _MOST_LOOKED_AT:
        return False
    return any(
        one.key == names.EVENT and one.value.string_value in names.EVALUATION_EVENTS for one in record.attributes
    )


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
    elif not text and _is_evaluation(record):
        return  # which is taken as one
    elif not text:
        gathering.reject(1, LeftOut.INVALID, "a log record has no body")
    else:
        gathering.line(kept, LogLine(time, _cut(text), _severity(record)))
        gathering.written_in(kept, record.trace_id, record.span_id, text)


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
