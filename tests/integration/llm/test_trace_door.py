"""``POST /v1/traces`` over HTTP: what real instrumentations send is on disk when they are answered."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openai import OpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor as OpenAIV2Instrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from bot.domain.event import EdgesEvent, LlmEvent, encode_events
from bot.inbox.inbox import Inbox
from bot.services import utc_now
from tests.acceptance.wire import AUTHENTIC
from tests.integration.handlers.test_telemetry_doors import JSON, PROTOBUF, Doors, decoded, open_doors
from tests.unit.handlers.test_otlp_traces import request, span

RESOURCE = Resource({"service.name": "assistant", "k8s.cluster.name": "eu"})
SECRET = "sk-live-0123456789abcdefghij"


@pytest.fixture
async def doors(inbox: Inbox) -> AsyncIterator[Doors]:
    async with open_doors(inbox) as doors:
        yield doors


class Provider(NamedTuple):
    """A server that speaks OpenAI's protocol and answers as a script says."""

    url: str
    answers: list[dict[str, Any]]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    answers: list[dict[str, Any]] = []

    async def complete(request: web.Request) -> web.Response:
        answer = answers.pop(0)
        if "error" in answer:
            return web.json_response(answer, status=500)
        model = (await request.json())["model"]
        return web.json_response({**answer, "model": f"{model}-2024-08-06"})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    server = TestServer(app)
    await server.start_server()
    yield Provider(str(server.make_url("/v1")), answers)
    await server.close()


def answer(finish: str = "stop", given: int = 1000, answered: int = 100) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"the key is {SECRET}"}
    usage = {"prompt_tokens": given, "completion_tokens": answered, "total_tokens": given + answered}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}


@contextmanager
def instrumented(kind: str, url: str) -> Iterator[TracerProvider]:
    """The client of OpenAI as one of the two instrumentations sees it; spans go out one by one, gzipped."""
    exporter = OTLPSpanExporter(url, headers=AUTHENTIC, compression=Compression.Gzip)
    tracing = TracerProvider(resource=RESOURCE)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    kinds: dict[str, Any] = {"opentelemetry": OpenAIV2Instrumentor, "openinference": OpenAIInstrumentor}
    instrumentor = kinds[kind]()
    instrumentor.instrument(tracer_provider=tracing)
    try:
        yield tracing
    finally:
        instrumentor.uninstrument()
        tracing.shutdown()


def _ask(kind: str, url: str, provider: Provider) -> None:
    with instrumented(kind, url) as tracing:
        client = OpenAI(base_url=provider.url, api_key=SECRET, max_retries=0)
        messages: Any = [{"role": "user", "content": f"my password is {SECRET} " * 1000}]
        prompt = {"gen_ai.prompt.name": "answer", "gen_ai.prompt.version": "3"}
        outer = tracing.get_tracer("app").start_as_current_span("answer", attributes=prompt)
        with using_attributes(prompt_template="x", prompt_template_version="3"), outer:
            for _ in range(3):
                try:
                    client.chat.completions.create(model="gpt-4o", messages=messages)
                except Exception as error:
                    assert "boom" in str(error)


@pytest.mark.parametrize("kind", ["opentelemetry", "openinference"])
async def test_calls_that_real_instrumentations_report_are_tallied_without_their_content(
    doors: Doors, provider: Provider, kind: str
) -> None:
    provider.answers.extend([answer(), answer(finish="content_filter"), {"error": {"message": f"boom {SECRET}"}}])
    await asyncio.to_thread(_ask, kind, doors.url("/v1/traces"), provider)
    events = await doors.events()
    found: dict[str, list[tuple[float, int]]] = {}
    for event in events:
        if isinstance(event, LlmEvent):
            assert event.labels["service"] == "assistant"
            for tally in event.tallies:
                assert tally.model == "gpt-4o"
                assert tally.version == ("3" if kind == "openinference" else "")
                found.setdefault(tally.measure.value, []).extend(tally.counts)
    assert sorted(found["errors"]) == [(0.0, 1), (0.0, 1), (1.0, 1)]
    assert found["input_tokens"] == [(1000.0, 1), (1000.0, 1)]
    assert found["cost"] == [(0.0035, 1), (0.0035, 1)]
    assert sorted(found["refusals"]) == [(0.0, 1), (1.0, 1)]
    assert ("assistant", "gpt-4o") in [edge for one in events if isinstance(one, EdgesEvent) for edge in one.edges]
    assert SECRET.encode() not in encode_events(events)


async def test_an_edge_is_written_once_and_anew_where_it_did_not_come_to_the_disk(doors: Doors) -> None:
    body = json.dumps(request(span(3, end=_now(), attributes={"peer.service": "payments"}), service="cart")).encode()
    async with doors.without_storage():
        assert (await doors.post("/v1/traces", body, Content_Type=JSON)).status == 503
    for _ in range(3):
        assert (await doors.post("/v1/traces", body, Content_Type=JSON)).status == 200
    [event] = await doors.events()
    assert isinstance(event, EdgesEvent) and event.edges == [("cart", "payments")]


async def test_a_partial_success_says_how_many_spans_were_rejected(doors: Doors) -> None:
    body = json.dumps(request(span(end=0, seconds=0), span(end=_now()))).encode()
    answered = await doors.post("/v1/traces", body, Content_Type=JSON)
    assert answered.status == 200
    assert decoded(answered, ExportTraceServiceResponse).partial_success.rejected_spans == 1
    whole = await doors.post("/v1/traces", b"", Content_Type=PROTOBUF)
    assert (whole.status, whole.body) == (200, b"")


async def test_what_is_malformed_is_not_repeated_in_the_answer(doors: Doors) -> None:
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": {SECRET: SECRET}}]}]}]}).encode()
    answered = await doors.post("/v1/traces", body, Content_Type=JSON)
    assert answered.status == 400 and SECRET.encode() not in answered.body


def _now() -> int:
    return int(utc_now().timestamp()) * 10**9
