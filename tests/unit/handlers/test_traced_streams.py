"""A stream of lines that names no service is of the service whose spans its lines were written in."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bot.domain.event import LogsEvent, decode_events, encode_events
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import LogRules
from handlers.telemetry.applications import Applications
from handlers.telemetry.gathering import Gathering, Watching
from handlers.telemetry.otlp_encoding import JSON
from handlers.telemetry.otlp_logs import cut_logs, gather_logs, stream_decision
from handlers.telemetry.otlp_traces import TraceReader, cut_spans
from handlers.telemetry.resources import Places
from handlers.telemetry.traced_streams import MOST_STREAMS, TracedStreams

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_NS = str(int(NOW.timestamp()) * 10**9)
RULES = Rules(logs=LogRules.model_validate({"watch": {"all": {"match": ['host=~".*"'], "by": ["host"]}}}))


def trace(number: int) -> tuple[str, str]:
    return f"{number:032x}", f"{number:016x}"


class Sender:
    """A collector without a service's name, and services that send spans, to one process."""

    def __init__(self) -> None:
        self.places, self.traced = Places([]), TracedStreams()
        watching = Watching(RULES)
        self.decide = stream_decision(watching)
        self.reader = TraceReader(Applications(watching, self.places), self.traced)

    def line(self, number: int, host: str = "node-1", text: str = "", **resource: str) -> LogsEvent:
        trace_id, span_id = trace(number)
        record: dict[str, Any] = {"timeUnixNano": NOW_NS, "body": {"stringValue": text or "order placed"}}
        record |= {} if text else {"traceId": trace_id, "spanId": span_id}
        body = {
            "resourceLogs": [{"resource": of({"host.name": host, **resource}), "scopeLogs": [{"logRecords": [record]}]}]
        }
        messages = JSON.decode(ExportLogsServiceRequest, json.dumps(body).encode(), cut_logs)
        [event] = gather_logs(messages, NOW, self.places, self.decide, traced=self.traced).events("otlp", ["cluster"])
        assert isinstance(event, LogsEvent)
        return event

    def span(self, number: int, service: str) -> None:
        trace_id, span_id = trace(number)
        times = {"startTimeUnixNano": NOW_NS, "endTimeUnixNano": NOW_NS}
        span = {"traceId": trace_id, "spanId": span_id, "kind": 1, "name": "x", **times}
        body = {"resourceSpans": [{"resource": of({"service.name": service}), "scopeSpans": [{"spans": [span]}]}]}
        self.reader.gather(Gathering(NOW), JSON.decode(ExportTraceServiceRequest, json.dumps(body).encode(), cut_spans))


def of(attributes: dict[str, str]) -> dict[str, Any]:
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]}


@pytest.mark.parametrize("lines_first", [True, False], ids=["lines come first", "spans come first"])
def test_lines_and_spans_find_each_other_in_either_order(lines_first: bool) -> None:
    sender = Sender()
    sender.line(0)
    for number in range(1, 4):
        if lines_first:
            sender.line(number)
        sender.span(number, "cart")
        if not lines_first:
            sender.line(number)
    assert sender.line(9).service == "cart"
    assert sender.line(9, host="node-2").service == ""


def test_a_line_of_json_or_logfmt_names_its_span_itself() -> None:
    sender = Sender()
    for number in range(4):
        trace_id, span_id = trace(number)
        text = f"level=info trace_id={trace_id} span_id={span_id}" if number % 2 else json.dumps(
            {"msg": "placed", "traceId": trace_id, "spanId": span_id}
        )  # fmt: skip
        sender.line(number, text=text)
        sender.span(number, "cart")
    assert sender.line(9).service == "cart"


def test_a_stream_of_several_services_is_nobodys() -> None:
    sender = Sender()
    for number in range(20):
        sender.line(number)
        sender.span(number, "cart" if number % 3 else "mail")
    assert sender.line(99).service == ""


def test_what_names_its_service_is_not_asked_for_its_traces() -> None:
    sender = Sender()
    for number in range(6):
        named = sender.line(number, **{"service.name": "mail"})
        sender.span(number, "cart")
    assert (named.service, named.labels["service"], sender.traced.joins) == ("", "mail", False)


def test_what_is_remembered_is_bounded() -> None:
    traced = TracedStreams()
    for number in range(MOST_STREAMS + 10):
        key = number.to_bytes(24, "big")
        traced.line(frozenset({("host", str(number))}), key)
        traced.span(key, "cart")
    assert len(traced._votes) == MOST_STREAMS


def test_the_service_is_stored_with_the_lines_and_older_entries_have_none() -> None:
    event = LogsEvent("otlp", {"host": "a"}, [], "cart")
    assert decode_events(encode_events([event])) == [event]
    assert b"service" not in encode_events([LogsEvent("otlp", {"host": "a"}, [])])
