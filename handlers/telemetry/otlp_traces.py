"""OTLP spans: who calls whom, and what is observed of calls of language models. Nothing else of a span is kept.

https://opentelemetry.io/docs/specs/otel/trace/api/#span
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from bot.domain.llm.observed import MOST_NAME
from handlers.telemetry.applications import Applications
from handlers.telemetry.calls import Calls, Edge, End
from handlers.telemetry.gathering import Gathering, InvalidPart, Kept, LeftOut
from handlers.telemetry.llm import names, spans
from handlers.telemetry.llm.reading import Found, name, read
from handlers.telemetry.llm.tallies import Observation, Version
from handlers.telemetry.pieces import Encoded, fields_of, pieces
from handlers.telemetry.traced_streams import TracedStreams

_SPINE = (frozenset({1}), frozenset({2}), frozenset({2}))
"""Resources, scopes, spans."""
_READ = frozenset({1, 2, 4, 6, 7, 8, 15})
"""Fields of a span: trace, id, parent, kind, begin, end, status."""
_ATTRIBUTES, _EVENTS = 9, 11
_MOST_OF_A_FIELD = 2048
"""Bytes of one attribute or event of a large span; what is longer is content."""
_MOST_OF_A_SPAN = 2**17
_MOST_UP = 16
"""So many spans up a prompt is looked for that a span does not name itself."""
_FAILED = Status.STATUS_CODE_ERROR


def cut_spans(body: bytes) -> Iterator[bytes]:
    """A request in small ones. Raises Malformed, Unreadable."""
    return pieces(body, _SPINE, _shortened)


def _shortened(span: Encoded) -> bytes:
    """A large span without what may be content: long attributes and events, its name and what its status says."""
    kept: list[Encoded] = []
    size = 0
    for number, start, _, end in fields_of(span):
        if number not in _READ and not (number in (_ATTRIBUTES, _EVENTS) and end - start <= _MOST_OF_A_FIELD):
            continue
        if size + end - start <= _MOST_OF_A_SPAN:
            kept.append(span[start:end])
            size += end - start
    return b"".join(kept)


class _Read(NamedTuple):
    span: Span
    found: Found


class TraceReader:
    """``applications`` knows who sends, and which call a span was, for evaluations that come later; ``traced`` are log
    streams whose service is known by spans alone."""

    def __init__(self, applications: Applications, traced: TracedStreams | None = None) -> None:
        self._applications = applications
        self._calls = Calls()
        self._traced = traced or TracedStreams()

    def gather(self, gathering: Gathering, requests: Iterable[ExportTraceServiceRequest]) -> Gathering:
        """What a delivery comes to, which is there in parts. Raises Unreadable."""
        for request in requests:
            for of_resource in request.resource_spans:
                self._gather_resource(gathering, of_resource)
        return gathering

    def _gather_resource(self, gathering: Gathering, of_resource: ResourceSpans) -> None:
        gathering.count(1 + len(of_resource.scope_spans))
        sent = sum(len(scope.spans) for scope in of_resource.scope_spans)
        gathering.count(sent)
        try:
            application = self._applications.of(of_resource.resource)
        except InvalidPart as error:
            gathering.reject(sent, LeftOut.INVALID, str(error))
            return
        service = application.labels.get("service", "")
        found = [_Read(one, read(one.attributes)) for scope in of_resource.scope_spans for one in scope.spans]
        above = _Above(found)
        for one in found:
            if _is_whole(gathering, one.span):
                self._traced.span(one.span.trace_id + one.span.span_id, service)
                edges = self._calls.edges(one.span, End(application.domain, service), one.found) if service else []
                gathering.edges.update(edges)
                observed = self._observe(gathering, application, one, above)
                gathering.kept += bool(edges or observed)
                gathering.unwatched(not (edges or observed))

    def _observe(self, gathering: Gathering, application: Kept, one: _Read, above: "_Above") -> bool:
        """Whether a span shows something of models."""
        span, found = one
        if names.MARKS.isdisjoint(found) and not span.events and not _lists(found):
            return False
        observations: list[Observation] = []
        version = Version()
        of_models = spans.is_of_models(found)
        if of_models or spans.is_of_tools(found) or names.EVALUATION[0] in found or _lists(found) or span.events:
            failed = span.status.code == _FAILED or bool(name(found, names.ERROR))
            version = spans.version_of(found, above.prompt_of(one))
            if of_models:
                seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
                observations += spans.of_call(found, failed, seconds, self._applications.prices)
                self._applications.remember(span.span_id, name(found, names.RESPONSE), version)
            elif spans.is_of_tools(found):
                observations.append(spans.of_tool(found, failed))
                version = Version()
            observations += _evaluations(span, found)
        if not observations:
            return False
        tallies = gathering.tallies_of(application)
        tallies.add(version, observations, span.end_time_unix_nano // 1_000_000)
        if of_models and (service := application.labels.get("service", "")):
            for used in (version.model, version.prompt):
                if used and used != service:
                    gathering.edges.add(Edge(application.domain, service, used[:MOST_NAME]))
        return True


def _is_whole(gathering: Gathering, span: Span) -> bool:
    end = span.end_time_unix_nano // 1_000_000
    if not gathering.in_bounds(end):
        gathering.reject(1, LeftOut.OUT_OF_BOUNDS, "a span has no end, or one in the future")
    elif span.end_time_unix_nano < span.start_time_unix_nano:
        gathering.reject(1, LeftOut.INVALID, "a span ends before it begins")
    elif len(span.trace_id) != 16 or len(span.span_id) != 8:
        gathering.reject(1, LeftOut.INVALID, "a span has no trace, or no id")
    else:
        return True
    return False


def _lists(found: Found) -> bool:
    return any(key.startswith(names.LISTED) for key in found)


def _evaluations(span: Span, found: Found) -> Iterator[Observation]:
    """Those that are events of the span, listed by it, or the span itself."""
    for event in list(span.events)[:100]:
        if event.name in names.EVALUATION_EVENTS:
            result = spans.of_evaluation(read(event.attributes))
            if result is not None:
                yield result
    yield from spans.listed_evaluations(found)
    if names.EVALUATION[0] in found:
        result = spans.of_evaluation(found)
        if result is not None:
            yield result


class _Above:
    """The spans of a delivery by their ids: what calls a model may name the prompt for it."""

    def __init__(self, found: list[_Read]) -> None:
        self._named = any(spans.prompt_of(one.found)[0] for one in found)
        self._by_id: Mapping[bytes, _Read] = {one.span.span_id: one for one in found} if self._named else {}

    def prompt_of(self, one: _Read) -> Version | None:
        """What the nearest span above says of the prompt."""
        for _ in range(_MOST_UP):
            if not self._named:
                return None
            prompt, version = spans.prompt_of(one.found)
            if prompt:
                return Version("", prompt, version)
            above = self._by_id.get(one.span.parent_span_id)
            if above is None:
                return None
            one = above
        return None
