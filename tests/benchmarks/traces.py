"""Spans at ``/v1/traces`` beside log lines at ``/v1/logs`` on ``tandem run``: how many a second, at what CPU.

Senders post requests of 500 as fast as they are answered; each answer says that what is kept is on disk. Spans are of
three kinds: of services that call each other; of language models, with 2 kB of prompt each; and of both ends. DIR is
not read.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.harness import TOKEN, Tandem, running
from tests.benchmarks.command import parser_for, report, require

SENDERS = 4
A_REQUEST = 500
CONFIG = {"logs": {"watch": {"all": {"match": ["service=~.+"]}}}}
_PROMPT = "Answer the customer's question about the invoice. " * 40
Make = Callable[[int], bytes]


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each kind is sent (default: 20)")
    options = parser.parse_args()
    require(options.data)
    figures = asyncio.run(_measure(options.seconds))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "traces.json").write_text(json.dumps(figures, indent=1))
    report(figures)


async def _measure(seconds: float) -> dict[str, Any]:
    kinds: Mapping[str, tuple[str, Make]] = {
        "log lines": ("/v1/logs", log_lines),
        "spans of services": ("/v1/traces", spans_of_services),
        "spans of language models": ("/v1/traces", spans_of_models),
    }
    found: dict[str, Any] = {}
    for kind, (path, make) in kinds.items():
        with tempfile.TemporaryDirectory(prefix="tandem-traces-") as name:
            async with running(Path(name), CONFIG, forked=False) as tandem:
                found[kind] = await _sent(tandem, path, make, seconds)
    return found


async def _sent(tandem: Tandem, path: str, make: Make, seconds: float) -> dict[str, float]:
    assert tandem.process is not None
    process = psutil.Process(tandem.process.pid)
    bodies = [make(number) for number in range(20)]
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-protobuf"}
    taken, refused = 0, 0
    until = time.monotonic() + seconds

    async def send(first: int) -> None:
        nonlocal taken, refused
        number = first
        while time.monotonic() < until:
            async with session.post(tandem.url + path, data=bodies[number % len(bodies)], headers=headers) as answer:
                await answer.read()
            taken, refused = taken + (answer.status == 200), refused + (answer.status == 429)
            if answer.status == 429:
                await asyncio.sleep(0.1)
            number += 1

    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send(number) for number in range(SENDERS)))
    spent, took = sum(process.cpu_times()[:2]) - used, time.monotonic() - began
    items = taken * A_REQUEST
    return {
        "a second": round(items / took),
        "a second of CPU": round(items / spent) if spent else 0,
        "answers of 429": refused,
        "bytes each": round(sum(map(len, bodies)) / len(bodies) / A_REQUEST),
    }


def log_lines(seed: int) -> bytes:
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = f"service-{seed % 20}"
    records = of_resource.scope_logs.add().log_records
    for number in range(A_REQUEST):
        line = f"request {number} of user {number * 7919 % 1000} took {number % 97} ms"
        records.add(time_unix_nano=time.time_ns(), severity_number=9).body.string_value = line
    return request.SerializeToString()


def spans_of_services(seed: int) -> bytes:
    given = {"server.address": f"service-{(seed + 1) % 20}", "http.request.method": "GET", "url.path": "/cart"}
    return _spans(seed, {**given, "network.protocol.version": "1.1"}, kind=3)


def spans_of_models(seed: int) -> bytes:
    given = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    prompt = {"gen_ai.prompt.name": "answer", "gen_ai.prompt.version": "3", "gen_ai.input.messages": _PROMPT}
    return _spans(seed, {**given, **prompt}, kind=3, tokens=True)


def _spans(seed: int, attributes: Mapping[str, str], kind: int, tokens: bool = False) -> bytes:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = f"service-{seed % 20}"
    spans = of_resource.scope_spans.add().spans
    now = time.time_ns()
    for number in range(A_REQUEST):
        ids = {"trace_id": (seed * 10_000 + number + 1).to_bytes(16), "span_id": (number + 1).to_bytes(8)}
        span = spans.add(name="call", start_time_unix_nano=now - 10**9, end_time_unix_nano=now, **ids)
        span.kind = kind  # type: ignore[assignment]
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
        if tokens:
            span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 900 + number % 200
            span.attributes.add(key="gen_ai.usage.output_tokens").value.int_value = 90 + number % 20
    return request.SerializeToString()


if __name__ == "__main__":
    main()
