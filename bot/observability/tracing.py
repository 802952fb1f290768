"""Traces of an alert from receipt to message, if the environment turns them on; else the SDK is not imported.

OpenTelemetry's own variables turn them on and say where they go, such as ``OTEL_EXPORTER_OTLP_ENDPOINT``:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bot.errors import ConfigError

Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int | float | bool

MOST_LINKS = 128
"""What the SDK keeps of a span's links: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits"""


_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
_PROPAGATOR = TraceContextTextMapPropagator()
_NOTHING = nullcontext()
_tracer: trace.Tracer | None = None


def on() -> bool:
    return _tracer is not None


def span(
    name: str,
    kind: Kind = "internal",
    parent: str = "",
    links: Sequence[str] = (),
    start: datetime | None = None,
    attributes: Mapping[str, Value] = MappingProxyType({}),
) -> AbstractContextManager[None]:
    """A span around a piece of work, beneath ``parent`` or else the current one; an error that leaves it marks it.

    A context that travels is a W3C traceparent, "" where there is none: https://www.w3.org/TR/trace-context/
    ``start`` is when it began, where that is not now. Nothing from outside goes into a name; into attributes only
    what is bounded and no secret. Where nothing is traced, this costs nothing and makes nothing, not even a no-op span.
    """
    return _span(_tracer, name, kind, parent, links, start, attributes) if _tracer else _NOTHING


@contextmanager
def _span(
    tracer: trace.Tracer,
    name: str,
    kind: Kind,
    parent: str,
    links: Sequence[str],
    start: datetime | None,
    attributes: Mapping[str, Value],
) -> Iterator[None]:
    with tracer.start_as_current_span(
        name,
        _context_of(parent) if parent else None,
        _KINDS[kind],
        attributes,
        [Link(found) for link in links[:MOST_LINKS] if (found := _span_context(link)).is_valid],
        int(start.timestamp() * 1e9) if start else None,
        record_exception=False,  # its words may hold what is secret
        set_status_on_exception=False,
    ) as made:
        try:
            yield
        except Exception as error:
            made.set_status(Status(StatusCode.ERROR))
            made.set_attribute("error.type", type(error).__qualname__)
            raise


def current() -> str:
    """The traceparent of the current span."""
    if _tracer is None:
        return ""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def note(attributes: Mapping[str, Value]) -> None:
    """Say more of the current span."""
    if _tracer is not None:
        trace.get_current_span().set_attributes(attributes)


def ids() -> dict[str, str]:
    """The current trace and span, as logs name them."""
    parts = current().split("-")
    return {"trace_id": parts[1], "span_id": parts[2]} if len(parts) == 4 else {}


def _context_of(traceparent: str) -> Context:
    """The remote context; one of its own where the text is none."""
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def _span_context(traceparent: str) -> SpanContext:
    return trace.get_current_span(_context_of(traceparent)).get_span_context()


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment asks for traces. Raises ConfigError where it asks for what is not there."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "")
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if exporter == "none" or not (exporter or endpoint):
        return False
    if exporter not in ("", "otlp"):
        raise ConfigError(f"OTEL_TRACES_EXPORTER: {exporter[:40]} is not built in: otlp or none")
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if environ.get(variable) not in (None, "", "http/protobuf"):
            raise ConfigError(f"{variable}: only http/protobuf is built in (collectors take it on port 4318)")
    return True


@contextmanager
def tracing(environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Make traces meanwhile, where the environment asks for them; what was traced is sent at the end.

    Raises ConfigError.
    """
    global _tracer  # noqa: PLW0603 - as logs and metrics have one place to go, so have traces
    if not wanted(environ):
        yield
        return
    try:
        from bot.observability.tracing_otlp import Exporting  # noqa: PLC0415 - only who wants traces pays for them
    except ImportError as error:
        raise ConfigError("traces are asked for (OTEL_…): install tandem-chatops[otel]") from error
    exporting = Exporting()
    _tracer = exporting.tracer
    try:
        yield
    finally:
        exporting.close()
        _tracer = None
