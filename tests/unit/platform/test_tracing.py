"""Traces are made where OpenTelemetry's own variables ask for them; else nothing of it is even imported."""

import subprocess
import sys
import timeit
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bot.domain.event import AlertEvent, AlertStatus, decode_events, encode_events
from bot.errors import ConfigError
from bot.inbox.intake import entries_for
from bot.observability import tracing
from bot.observability.tracing_otlp import Exporting

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPORTER = InMemorySpanExporter()
TRACER = Exporting(SimpleSpanProcessor(EXPORTER)).tracer
COLLECTOR = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{COLLECTOR}/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], wanted: bool) -> None:
    assert tracing.wanted(environment) is wanted


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
    ],
)
def test_what_is_not_built_in_is_said(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="OTEL_"):
        tracing.wanted(environment)


def test_nothing_of_the_sdk_is_imported_where_nothing_is_traced() -> None:
    code = "import sys, bot.app; assert not [m for m in sys.modules if m.startswith('opentelemetry.sdk')]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_span_that_is_not_made_costs_next_to_nothing() -> None:
    def without() -> None:
        with tracing.span("inbox.append"):
            pass

    assert min(timeit.repeat(without, number=1000, repeat=5)) / 1000 < 5e-6


def _alert() -> AlertEvent:
    return AlertEvent("test", "f", AlertStatus.FIRING, {"alertname": "Down"}, NOON)


def test_an_entry_holds_no_trace_where_nothing_is_traced_and_is_read_by_those_who_know_of_none() -> None:
    [entry] = entries_for([_alert()], "test", NOON, [], 1)
    assert b"trace" not in entry.payload
    traced = encode_events([_alert()])[:-2] + b',"trace":"00-1-2-01","not_known_yet":1}]'
    [event] = decode_events(traced)
    assert isinstance(event, AlertEvent)
    assert event.trace == "00-1-2-01"


@given(st.text(max_size=80))
def test_whatever_a_sender_says_its_trace_is_makes_a_sound_one(parent: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracing, "_tracer", TRACER)
        with tracing.span("door", "server", parent, [parent]):
            version, trace_id, span_id, flags = tracing.current().split("-")
    assert (len(version), len(trace_id), len(span_id), len(flags)) == (2, 32, 16, 2)


def test_a_trace_that_the_sender_began_goes_on_and_an_error_says_its_kind_and_not_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    EXPORTER.clear()
    monkeypatch.setattr(tracing, "_tracer", TRACER)
    with (
        pytest.raises(ValueError, match="hunter2"),
        tracing.span("door", "server", f"00-{'a' * 32}-{'b' * 16}-01", [], NOON, {"http.route": "/x"}),
    ):
        raise ValueError("hunter2")
    [span] = EXPORTER.get_finished_spans()
    assert span.context.trace_id == int("a" * 32, 16)
    assert span.start_time == NOON.timestamp() * 1e9
    assert span.status.status_code is StatusCode.ERROR
    assert "hunter2" not in span.to_json()
    assert (span.attributes or {})["error.type"] == "ValueError"
