"""OpenTelemetry's SDK, sending traces by OTLP over HTTP. Imported only where they are wanted."""

from importlib.metadata import PackageNotFoundError, version
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

LAST_SECONDS = 3.0


class Exporting:
    """Where to, how much and under which name is read from the environment by the SDK; the service is ``tandem``."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        ours = {"service.name": "tandem", "service.version": _version()}
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(processor or BatchSpanProcessor(self._exporter))
        self.tracer = self._provider.get_tracer("tandem")

    def close(self) -> None:
        """Send what is left; what a collector does not take in ``LAST_SECONDS`` is lost."""
        sending = Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(LAST_SECONDS)
        if sending.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            sending.join(1)


def _version() -> str:
    try:
        return version("tandem-chatops")
    except PackageNotFoundError:
        return "unknown"
