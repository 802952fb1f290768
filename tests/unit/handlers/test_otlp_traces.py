"""Spans become edges of the topology and tallies of language models' calls; nothing of their content is kept."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bot.domain.event import EdgesEvent, LlmEvent, SamplesEvent, encode_events
from bot.domain.llm.observed import Measure
from bot.domain.llm.rules import LlmRules
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.watched.telemetry import LogRules, MetricRules, Watched, WatchedSeries
from handlers.sources.registry import Malformed
from handlers.telemetry.applications import Applications
from handlers.telemetry.gathering import Gathering, Watching
from handlers.telemetry.otlp_encoding import JSON, PROTOBUF
from handlers.telemetry.otlp_logs import cut_logs, gather_logs, stream_decision
from handlers.telemetry.otlp_traces import TraceReader, cut_spans
from handlers.telemetry.pieces import PIECE
from handlers.telemetry.resources import Places

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
RULES = Rules(correlation=CorrelationRules(partition_by=["cluster"]))
SECRET = "sk-live-0123456789abcdefghij"

Json = dict[str, Any]


def _value(value: Any) -> Json:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return {kinds[type(value)]: value}


def attributes(given: Json) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in given.items()]


def span(
    kind: int = 3, *, span_id: str = "00f067aa0ba902b7", parent: str = "", seconds: float = 1, **more: Any
) -> Json:
    given = more.pop("attributes", {})
    end = more.pop("end", NOW_NS)
    made = {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": span_id, "kind": kind, "name": f"chat {SECRET}"}
    times = {"startTimeUnixNano": str(end - int(seconds * 1e9)), "endTimeUnixNano": str(end)}
    return {**made, **times, **({"parentSpanId": parent} if parent else {}), "attributes": attributes(given), **more}


def request(*spans: Json, service: str = "assistant") -> Json:
    resource = {"attributes": attributes({"service.name": service, "k8s.cluster.name": "eu"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


class Senders:
    """Deliveries that one process takes, one after the other."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.watching, self.places = Watching(rules), Places(["cluster"])
        self.applications = Applications(self.watching, self.places)
        self.reader = TraceReader(self.applications)

    def traces(self, *requests: Json, as_protobuf: bool = False) -> Gathering:
        gathering = Gathering(NOW)
        for one in requests:
            body = json.dumps(one).encode()
            parts = JSON.decode(ExportTraceServiceRequest, body, cut_spans)
            if as_protobuf:
                parts = PROTOBUF.decode(ExportTraceServiceRequest, next(parts).SerializeToString(), cut_spans)
            self.reader.gather(gathering, parts)
        return self.applications.measured(gathering)

    def logs(self, *records: Json) -> Gathering:
        resource = {"attributes": attributes({"service.name": "assistant", "k8s.cluster.name": "eu"})}
        body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}
        messages = JSON.decode(ExportLogsServiceRequest, json.dumps(body).encode(), cut_logs)
        decide = stream_decision(self.watching)
        return gather_logs(messages, NOW, self.places, decide, self.applications)


def tallies(found: Gathering) -> dict[tuple[str, ...], list[tuple[float, int]]]:
    return {
        (one.measure.value, one.model, one.prompt, one.version, one.of): one.counts
        for event in found.events("otlp", ["cluster"])
        if isinstance(event, LlmEvent)
        for one in event.tallies
    }


def edges(found: Gathering) -> list[tuple[str, str]]:
    events = [event for event in found.events("otlp", ["cluster"]) if isinstance(event, EdgesEvent)]
    assert all(event.labels == {"cluster": "eu"} for event in events)
    return [edge for event in events for edge in event.edges]


CURRENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.response.finish_reasons": ["stop"],
}
OLDER = {
    "gen_ai.system": "openai",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 100,
    "gen_ai.response.finish_reasons": ["stop"],
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 100,
    "llm.finish_reason": "stop",
}


@pytest.mark.parametrize("given", [CURRENT, OLDER, OPENINFERENCE], ids=["current", "older", "openinference"])
@pytest.mark.parametrize("as_protobuf", [False, True])
def test_a_call_is_read_in_every_convention(given: Json, as_protobuf: bool) -> None:
    found = Senders().traces(request(span(attributes=given, seconds=2.5)), as_protobuf=as_protobuf)
    assert tallies(found) == {
        ("errors", "gpt-4o", "", "", ""): [(0.0, 1)],
        ("latency", "gpt-4o", "", "", ""): [(2.5, 1)],
        ("input_tokens", "gpt-4o", "", "", ""): [(1000.0, 1)],
        ("output_tokens", "gpt-4o", "", "", ""): [(100.0, 1)],
        ("cost", "gpt-4o", "", "", ""): [(0.0035, 1)],
        ("refusals", "gpt-4o", "", "", ""): [(0.0, 1)],
    }
    assert ("assistant", "gpt-4o") in edges(found)
    assert (found.kept, found.rejected) == (1, 0)


PROMPTS: list[Json] = [
    {"gen_ai.prompt.name": "answer", "gen_ai.prompt.version": "3"},
    {"langfuse.observation.prompt.name": "answer", "langfuse.observation.prompt.version": 3},
    {"traceloop.prompt.key": "answer", "traceloop.prompt.version": 3},
    {"prompt.name": "answer", "llm.prompt_template.version": "3"},
    {"mlflow.linkedPrompts": '[{"name": "answer", "version": "3"}]'},
]


@pytest.mark.parametrize("given", PROMPTS, ids=lambda given: next(iter(given)))
def test_the_prompt_and_its_version_are_read_in_every_convention(given: Json) -> None:
    found = Senders().traces(request(span(attributes={**CURRENT, **given})))
    assert {key[2:4] for key in tallies(found)} == {("answer", "3")}
    assert ("assistant", "answer") in edges(found)


def test_a_call_has_the_prompt_that_a_span_above_it_names() -> None:
    outer = span(
        1, span_id="00000000000000a1", attributes={"gen_ai.prompt.name": "answer", "gen_ai.prompt.version": "3"}
    )
    between = span(1, span_id="00000000000000a2", parent="00000000000000a1")
    inner = span(span_id="00000000000000a3", parent="00000000000000a2", attributes=CURRENT)
    assert {key[2:4] for key in tallies(Senders().traces(request(inner, between, outer)))} == {("answer", "3")}


def test_of_a_call_that_failed_only_that_is_counted() -> None:
    failed = span(attributes={**CURRENT, "error.type": "timeout"}, status={"code": 2, "message": SECRET})
    assert tallies(Senders().traces(request(failed))) == {("errors", "gpt-4o", "", "", ""): [(1.0, 1)]}


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "refusal", "guardrail_intervened"])
def test_an_answer_that_was_held_back_is_a_refusal(reason: str) -> None:
    found = tallies(Senders().traces(request(span(attributes={**CURRENT, "gen_ai.response.finish_reasons": [reason]}))))
    assert found["refusals", "gpt-4o", "", "", ""] == [(1.0, 1)]


def test_tools_are_counted_by_name_and_agents_and_chains_are_not_counted_twice() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "error.type": "timeout"}
    agent = {"gen_ai.operation.name": "invoke_agent", **{k: v for k, v in CURRENT.items() if "operation" not in k}}
    found = Senders().traces(request(span(1, attributes=tool), span(1, attributes=agent)))
    assert tallies(found) == {("tool_failures", "", "", "", "search"): [(1.0, 1)]}


def test_scores_are_read_from_events_and_lists_of_spans_and_from_log_records_of_the_same_call() -> None:
    senders = Senders()
    event = {
        "name": "gen_ai.evaluation.result",
        "attributes": attributes({"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.8}),
    }
    listed = {"evaluations.0.evaluation.name": "tone", "evaluations.0.evaluation.label": "pass"}
    call = span(attributes={**CURRENT, **PROMPTS[0], **listed}, events=[event])
    found = tallies(senders.traces(request(call)))
    assert found["score", "gpt-4o", "answer", "3", "relevance"] == [(0.8, 1)]
    assert found["score", "gpt-4o", "answer", "3", "tone"] == [(1.0, 1)]
    result = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.4}
    record = {"timeUnixNano": str(NOW_NS), "spanId": "00f067aa0ba902b7", "attributes": attributes(result)}
    named = senders.logs({**record, "eventName": "gen_ai.evaluation.result"})
    assert tallies(named) == {("score", "gpt-4o", "answer", "3", "relevance"): [(0.4, 1)]}
    older = {**record, "spanId": "", "attributes": attributes({**result, "event.name": "gen_ai.evaluation.result"})}
    assert tallies(senders.logs(older)) == {("score", "", "", "", "relevance"): [(0.4, 1)]}
    watched = Rules(logs=LogRules(watch={"all": Watched.model_validate({"match": ["service=~.+"]})}))
    assert Senders(watched).logs(older).rejected == 0


def test_nothing_of_the_content_is_kept_or_said_however_large_it_is() -> None:
    text = f"You are a bank. The key is {SECRET}. " * 30_000
    content = {
        "gen_ai.input.messages": text,
        "gen_ai.prompt": text,
        "llm.prompt_template.template": text,
        "input.value": text,
        "gen_ai.prompt.name": text[:90] + "\n" + text,
        "gen_ai.tool.name": SECRET,
    }
    event = {"name": "gen_ai.content.prompt", "attributes": attributes({"gen_ai.prompt": text})}
    one = span(attributes={**content, **CURRENT}, events=[event], status={"message": text})
    for as_protobuf in (False, True):
        found = Senders().traces(request(one), as_protobuf=as_protobuf)
        encoded = encode_events(found.events("otlp", ["cluster"]))
        assert SECRET.encode() not in encoded and b"bank" not in encoded and len(encoded) < 2000
        assert tallies(found)["input_tokens", "gpt-4o", "", "", ""] == [(1000.0, 1)]
    large = next(JSON.decode(ExportTraceServiceRequest, json.dumps(request(one)).encode(), cut_spans))
    assert all(len(part) <= PIECE for part in cut_spans(large.SerializeToString()))


CLIENTS: list[tuple[Json, str]] = [
    ({"peer.service": "payments"}, "payments"),
    ({"server.address": "payments.shop.svc.cluster.local", "server.port": 8080}, "payments"),
    ({"server.address": "payments:8080"}, "payments"),
    ({"net.peer.name": "ledger"}, "ledger"),
    ({"server.address": "10.0.0.7", "db.system": "postgresql", "db.name": "orders"}, "orders"),
    ({"messaging.system": "kafka", "messaging.destination.name": "orders", "server.address": "kafka-1"}, "orders"),
]


@pytest.mark.parametrize("given, peer", CLIENTS)
def test_a_client_depends_on_its_peer(given: Json, peer: str) -> None:
    assert edges(Senders().traces(request(span(3, attributes=given), service="cart"))) == [("cart", peer)]


@pytest.mark.parametrize(
    "given", [{}, {"server.address": "10.0.0.7"}, {"server.address": "localhost"}, {"peer.service": "cart"}]
)
def test_an_address_without_a_name_teaches_nothing(given: Json) -> None:
    assert edges(Senders().traces(request(span(3, attributes=given), service="cart"))) == []


@pytest.mark.parametrize("server_first", [False, True])
def test_both_ends_of_a_call_are_joined_also_from_two_deliveries(server_first: bool) -> None:
    client = request(span(3, span_id="00000000000000a1"), service="web")
    server = request(span(2, span_id="00000000000000a2", parent="00000000000000a1"), service="cart")
    senders = Senders()
    found = [senders.traces(one) for one in ((server, client) if server_first else (client, server))]
    assert [edge for one in found for edge in edges(one)] == [("web", "cart")]


def test_a_span_without_an_end_is_rejected_and_the_others_are_kept() -> None:
    broken = [span(end=0, seconds=0), span(end=NOW_NS + 3600 * 10**9), span(seconds=-1), {**span(), "spanId": "xyz"}]
    found = Senders().traces(request(*broken, span(attributes=CURRENT)))
    assert (found.rejected, found.kept) == (4, 1)


def test_what_is_no_request_is_malformed() -> None:
    with pytest.raises(Malformed):
        Senders().traces({"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": {"a": SECRET}}]}]}]})


def test_ones_own_prices_come_first() -> None:
    rules = Rules(llm=LlmRules.model_validate({"prices": {"gpt-4o": {"input": 10}, "ours": {"input": 1, "output": 2}}}))
    found = tallies(Senders(rules).traces(request(span(attributes=CURRENT))))
    assert found[Measure.COST, "gpt-4o", "", "", ""] == [(0.01, 1)]


def test_the_watch_of_metrics_gets_series_that_it_covers() -> None:
    watched = {"scores": WatchedSeries.model_validate({"match": ["__name__=~llm_.*"]})}
    rules = Rules(correlation=CorrelationRules(partition_by=["cluster"]), metrics=MetricRules(watch=watched))
    found = Senders(rules).traces(request(span(attributes=CURRENT, seconds=2.0)))
    [samples] = [one for one in found.events("otlp", ["cluster"]) if isinstance(one, SamplesEvent)]
    by_name = {one.labels["__name__"]: (one.labels["model"], one.values) for one in samples.series}
    assert by_name["llm_latency_seconds"] == ("gpt-4o", [2.0])
