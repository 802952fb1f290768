"""Traces by OpenTelemetry's SDK, sent by OTLP over HTTP. Imported only where they are wanted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from threading import Thread

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bot.observability.tracing import Kind, Value

LAST_SECONDS = 3.0
MOST_LINKS = 128
"""What the SDK keeps of a span's links: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits"""

_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
_PROPAGATOR = TraceContextTextMapPropagator()


class OtlpTracer:
    """Where to, how much and under which name is read from the environment by the SDK; the service is ``tandem``."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        ours = {"service.name": "tandem", "service.version": _version()}
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(processor or BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("tandem")

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind,
        parent: str,
        links: Sequence[str],
        start: datetime | None,
        attributes: Mapping[str, Value],
    ) -> Iterator[None]:
        context = _context_of(parent) if parent else None
        linked = [Link(found) for link in links[:MOST_LINKS] if (found := _span_context(link)).is_valid]
        with self._tracer.start_as_current_span(
            name,
            context,
            _KINDS[kind],
            attributes,
            linked,
            int(start.timestamp() * 1e9) if start else None,
            record_exception=False,  # its words may hold what is secret
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", type(error).__qualname__)
                raise

    def current(self) -> str:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent", "")

    def note(self, attributes: Mapping[str, Value]) -> None:
        trace.get_current_span().set_attributes(attributes)

    def close(self) -> None:
        """Send what is left; what a collector does not take in ``LAST_SECONDS`` is lost."""
        sending = Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(LAST_SECONDS)
        if sending.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            sending.join(1)


def _context_of(traceparent: str) -> Context:
    """The remote context; one of its own where the text is none."""
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def _span_context(traceparent: str) -> SpanContext:
    return trace.get_current_span(_context_of(traceparent)).get_span_context()


def _version() -> str:
    try:
        return version("tandem-chatops")
    except PackageNotFoundError:
        return "unknown"
