"""The endpoints for metrics and logs: Prometheus remote write, and OTLP over HTTP."""

from handlers.telemetry.endpoint import add_telemetry_routes

__all__ = ["add_telemetry_routes"]
