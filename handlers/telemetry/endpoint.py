"""``POST /api/v1/write``, ``/v1/metrics``, ``/v1/logs`` and ``/v1/traces``.

What is kept is on disk when the answer is given.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import NamedTuple

from aiohttp import web
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from bot.domain.rules import Rules
from bot.errors import EventTooLarge, InboxFull, StorageUnavailable
from bot.inbox.inbox import NewEntry
from bot.inbox.intake import RETRY_AFTER, Intake, entries_for
from bot.observability.metrics import EVENTS_ACCEPTED, REQUESTS_REFUSED, TELEMETRY_KEPT, TELEMETRY_LEFT_OUT
from handlers.http.authentication import bearer
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.http.problem import RETRY_AFTER_OUTAGE, come_again, problem
from handlers.sources.registry import Malformed
from handlers.telemetry import remote_write
from handlers.telemetry.applications import Applications
from handlers.telemetry.calls import KnownEdges
from handlers.telemetry.gathering import Gathering, Watching
from handlers.telemetry.otlp_encoding import JSON, Encoding, encoding_of
from handlers.telemetry.otlp_logs import cut_logs, gather_logs, stream_decision
from handlers.telemetry.otlp_metrics import cut_metrics, gather_metrics, series_decision
from handlers.telemetry.otlp_traces import TraceReader, cut_spans
from handlers.telemetry.resources import Places
from handlers.telemetry.traced_streams import TracedStreams

MAX_BODY = 20 * 2**20
"""Also when unpacked; what OTLP recommends. https://opentelemetry.io/docs/specs/otlp/#otlphttp-request"""
MOST_PRESENT = 64
"""Requests whose bodies are read and worked on at a time: what they hold in memory is bounded."""
LONGEST_REASON = 500
"""Characters of what a decoder says, which may repeat what it could not decode."""
_ASIDE = 2**16
"""A body of more than this is worked on in a thread, one at a time, and the other endpoints go on."""


class _Refusal(NamedTuple):
    """The answer to what was not taken, before it has the form that its protocol wants."""

    status: int
    detail: str
    headers: dict[str, str]


class _Reader(NamedTuple):
    """How one kind of request is read: packed body, body, gathering. ``weight`` is what a byte costs, in protobuf's."""

    endpoint: str
    source: str
    gather: Callable[[bytes, datetime], Gathering]
    unpack: Callable[[bytes], bytes] = bytes
    unpacked_size: Callable[[bytes], int] = len
    left_packed: str = "identity"
    weight: int = 1


class _Gathered(NamedTuple):
    """What a request comes to, how many events that is, and their entries."""

    gathering: Gathering
    events: int
    entries: list[NewEntry]


class _Shared:
    """What the endpoints have in common: who may send, how much at a time, and how what was gathered is kept."""

    def __init__(
        self, intake: Intake, token: str | None, clock: Callable[[], datetime], rules: Rules, watching: Watching
    ) -> None:
        self._intake = intake
        self._token = token.encode() if token else None
        self._clock = clock
        self._watching = watching
        self._partitions = rules.partitions
        self._present = 0
        self._aside = ThreadPoolExecutor(1, "telemetry")

    def check(self, request: web.Request) -> _Refusal | None:
        if bearer(request.headers, self._token):
            return None
        problem_text = "Send the header Authorization: Bearer <TANDEM_WEBHOOK_TOKEN>."
        problem_text = problem_text if self._token else "No token is set: start Tandem with TANDEM_WEBHOOK_TOKEN."
        return _Refusal(401, problem_text, {"WWW-Authenticate": "Bearer", "Connection": "close"})

    async def take(self, request: web.Request, reader: _Reader) -> Gathering:
        """What a request comes to, on disk and counted. Raises Malformed, Unreadable, InboxFull, StorageUnavailable."""
        if self._present >= MOST_PRESENT:
            raise InboxFull(RETRY_AFTER)
        self._present += 1
        try:
            with share_of(request) as share:
                packed = await read_body(request, MAX_BODY, share, reader.left_packed)
                size = reader.unpacked_size(packed)
                if size > MAX_BODY:
                    raise Unreadable(413, f"At most {MAX_BODY} bytes are taken at once.")
                share.grow(size - min(size, len(packed)))
                received_at = self._clock()
                gathered = await self._gathered(reader, packed, received_at)
                await self._keep(gathered, reader)
                return gathered.gathering
        finally:
            self._present -= 1

    async def _gathered(self, reader: _Reader, packed: bytes, received_at: datetime) -> _Gathered:
        if reader.unpacked_size(packed) * reader.weight <= _ASIDE:
            return self._gather(reader, packed, received_at)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, self._gather, reader, packed, received_at)

    def _gather(self, reader: _Reader, packed: bytes, received_at: datetime) -> _Gathered:
        by = self._watching.partition_by
        gathering = reader.gather(reader.unpack(packed), received_at)
        events = gathering.events(reader.source, by)
        return _Gathered(gathering, len(events), entries_for(events, reader.source, received_at, by, self._partitions))

    async def _keep(self, gathered: _Gathered, reader: _Reader) -> None:
        gathering = gathered.gathering
        await self._intake.append(gathered.entries)
        EVENTS_ACCEPTED.labels(reader.source).inc(gathered.events)
        TELEMETRY_KEPT.labels(reader.endpoint).inc(gathering.kept)
        for reason, count in gathering.left_out.items():
            TELEMETRY_LEFT_OUT.labels(reader.endpoint, reason.value).inc(count)


class RemoteWriteEndpoint:
    """At its bound it answers 503 and not 429, after which a Prometheus does not come again unless it is told to."""

    def __init__(self, endpoint: _Shared, watching: Watching) -> None:
        decide = remote_write.series_decision(watching)
        self._endpoint = endpoint
        self._reader = _Reader(
            "remote_write",
            "prometheus",
            partial(remote_write.gather, decide=decide),
            _unpacked,
            remote_write.unpacked_size,
            left_packed="snappy",
        )

    async def take(self, request: web.Request) -> web.Response:
        refusal = self._endpoint.check(request) or _not_remote_write(request)
        if refusal is None:
            try:
                gathering = await self._endpoint.take(request, self._reader)
            except (Malformed, Unreadable, InboxFull, StorageUnavailable) as error:
                refusal = _refusal_of(error, when_full=503)
            else:
                refusal = _invalid(gathering) if gathering.rejected else None
        return web.Response(status=204) if refusal is None else _counted(problem(*refusal))


class OtlpEndpoint:
    def __init__(self, endpoint: _Shared, watching: Watching, rules: Rules) -> None:
        also = {*rules.correlation.partition_by, *rules.correlation.service_labels}
        self._endpoint = endpoint
        self._places = Places(also)
        self._decide_series = series_decision(watching)
        self._decide_stream = stream_decision(watching)
        self._applications = Applications(watching, self._places)
        self._traced = TracedStreams()
        self._traces = TraceReader(self._applications, self._traced)
        self._known_edges = KnownEdges()

    async def metrics(self, request: web.Request) -> web.Response:
        def gather(encoding: Encoding, body: bytes, received_at: datetime) -> Gathering:
            messages = encoding.decode(ExportMetricsServiceRequest, body, cut_metrics)
            return gather_metrics(messages, received_at, self._places, self._decide_series)

        def answer(rejected: int, problem_text: str) -> Message:
            partial_success = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=problem_text)
            return ExportMetricsServiceResponse(partial_success=partial_success if rejected else None)

        return await self._take(request, "otlp_metrics", gather, answer)

    async def logs(self, request: web.Request) -> web.Response:
        def gather(encoding: Encoding, body: bytes, received_at: datetime) -> Gathering:
            messages = encoding.decode(ExportLogsServiceRequest, body, cut_logs)
            gathering = gather_logs(
                messages, received_at, self._places, self._decide_stream, self._applications, self._traced
            )
            return self._applications.measured(gathering)

        def answer(rejected: int, problem_text: str) -> Message:
            partial_success = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=problem_text)
            return ExportLogsServiceResponse(partial_success=partial_success if rejected else None)

        return await self._take(request, "otlp_logs", gather, answer)

    async def traces(self, request: web.Request) -> web.Response:
        def gather(encoding: Encoding, body: bytes, received_at: datetime) -> Gathering:
            gathering = Gathering(received_at)
            try:
                self._traces.gather(gathering, encoding.decode(ExportTraceServiceRequest, body, cut_spans))
            except Malformed:  # what a decoder says may repeat what it could not decode, and that is content
                raise Malformed("it is no ExportTraceServiceRequest") from None
            gathering.edges = self._known_edges.new(gathering.edges, gathering.received_ms)
            return self._applications.measured(gathering)

        def answer(rejected: int, problem_text: str) -> Message:
            partial_success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=problem_text)
            return ExportTraceServiceResponse(partial_success=partial_success if rejected else None)

        return await self._take(request, "otlp_traces", gather, answer)

    async def _take(
        self,
        request: web.Request,
        name: str,
        gather: Callable[[Encoding, bytes, datetime], Gathering],
        answer: Callable[[int, str], Message],
    ) -> web.Response:
        encoding = encoding_of(request.content_type)
        refusal = self._endpoint.check(request)
        if encoding is None or refusal:
            problem_text = "The Content-Type is neither application/x-protobuf nor application/json."
            return _status(encoding or JSON, refusal or _Refusal(415, problem_text, {"Connection": "close"}))
        try:
            reader = _Reader(name, "otlp", partial(gather, encoding), weight=encoding.weight)
            gathering = await self._endpoint.take(request, reader)
        except (Malformed, Unreadable, InboxFull, StorageUnavailable) as error:
            return _status(encoding, _refusal_of(error, when_full=429))
        self._known_edges.note(gathering.edges, gathering.received_ms)  # on disk, and not before
        body = encoding.encode(answer(gathering.rejected, gathering.first_reason))
        return web.Response(body=body, content_type=encoding.content_type)


def _unpacked(packed: bytes) -> bytes:
    return remote_write.unpack(packed, MAX_BODY)


def _not_remote_write(request: web.Request) -> _Refusal | None:
    """What is packed otherwise, and version 2.0, which says its message in the content type."""
    packed = request.headers.get("Content-Encoding", "").strip().lower()
    newer = "io.prometheus.write" in request.headers.get("Content-Type", "")
    if packed == "snappy" and request.content_type == "application/x-protobuf" and not newer:
        return None
    problem_text = "Send remote write 1.0: Content-Type: application/x-protobuf and Content-Encoding: snappy."
    return _Refusal(415, problem_text, {"Connection": "close"})


def _refusal_of(error: Exception, when_full: int) -> _Refusal:
    match error:
        case Unreadable():
            return _Refusal(error.status, str(error), {"Connection": "close"})
        case InboxFull():
            return _Refusal(when_full, str(error), come_again(error.retry_after))
        case EventTooLarge():
            return _Refusal(413, f"The inbox cannot keep this: {error}.", {})
        case StorageUnavailable():
            problem_text = "The database does not take events at the moment: nothing was accepted."
            return _Refusal(503, problem_text, come_again(RETRY_AFTER_OUTAGE))
        case _:
            return _Refusal(400, f"The body cannot be taken: {str(error)[:LONGEST_REASON]}", {})


def _invalid(gathering: Gathering) -> _Refusal:
    """What the specification wants to be answered although all that is valid was kept."""
    return _Refusal(400, f"{gathering.rejected} samples are invalid and were left out: {gathering.first_reason}.", {})


def _status(encoding: Encoding, refusal: _Refusal) -> web.Response:
    """https://opentelemetry.io/docs/specs/otlp/#failures-1"""
    body = encoding.encode(Status(message=refusal.detail))
    return _counted(
        web.Response(body=body, status=refusal.status, headers=refusal.headers, content_type=encoding.content_type)
    )


def _counted(answer: web.Response) -> web.Response:
    REQUESTS_REFUSED.labels(str(answer.status)).inc()
    return answer


def add_telemetry_routes(
    app: web.Application, intake: Intake, token: str | None, clock: Callable[[], datetime], rules: Rules
) -> None:
    """The endpoints for metrics, logs and traces. ``token`` is the bearer token that senders show."""
    watching = Watching(rules)
    endpoint = _Shared(intake, token, clock, rules, watching)
    otlp = OtlpEndpoint(endpoint, watching, rules)
    app.router.add_post("/api/v1/write", RemoteWriteEndpoint(endpoint, watching).take)
    app.router.add_post("/v1/metrics", otlp.metrics)
    app.router.add_post("/v1/logs", otlp.logs)
    app.router.add_post("/v1/traces", otlp.traces)
