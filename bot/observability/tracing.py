"""Traces of one alert's whole way, where the environment asks for them; else nothing of OpenTelemetry is imported.

Whether and where to is said by the variables that OpenTelemetry has for it, such as ``OTEL_EXPORTER_OTLP_ENDPOINT``:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

from bot.errors import ConfigError

Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int | float | bool


class Tracer(Protocol):
    """What traces. A context that travels is a W3C traceparent, "" where there is none.

    https://www.w3.org/TR/trace-context/#traceparent-header
    """

    def span(
        self,
        name: str,
        kind: Kind,
        parent: str,
        links: Sequence[str],
        start: datetime | None,
        attributes: Mapping[str, Value],
    ) -> AbstractContextManager[None]: ...

    def current(self) -> str: ...

    def note(self, attributes: Mapping[str, Value]) -> None: ...

    def close(self) -> None: ...


_tracer: Tracer | None = None
_NOTHING = nullcontext()


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

    ``start`` is when it began, where that is not now. Nothing from outside goes into a name; into attributes only
    what is bounded and no secret.
    """
    return _tracer.span(name, kind, parent, links, start, attributes) if _tracer else _NOTHING


def current() -> str:
    """The traceparent of the current span."""
    return _tracer.current() if _tracer else ""


def note(attributes: Mapping[str, Value]) -> None:
    """Say more of the current span."""
    if _tracer:
        _tracer.note(attributes)


def ids() -> dict[str, str]:
    """The current trace and span, as logs name them."""
    parts = current().split("-")
    return {"trace_id": parts[1], "span_id": parts[2]} if len(parts) == 4 else {}


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
        from bot.observability.tracing_otlp import OtlpTracer  # noqa: PLC0415 - only who wants traces pays for them
    except ImportError as error:
        raise ConfigError("traces are asked for (OTEL_…): install tandem-chatops[otel]") from error
    _tracer = OtlpTracer()
    try:
        yield
    finally:
        _tracer.close()
        _tracer = None
