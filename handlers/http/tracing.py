"""The span of a request, within the trace that its sender names.

Names and attributes are those of https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
"""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.observability import tracing

_NOT_TRACED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Machines ask for these every few seconds."""


def middlewares() -> list[Middleware]:
    """For the application: none where nothing is traced, as a middleware costs every request."""
    return [_traced] if tracing.on() else []


@web.middleware
async def _traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path in _NOT_TRACED:
        return await handler(request)
    route = request.match_info.route.resource.canonical if request.match_info.route.resource else ""
    span_attributes = {"http.request.method": request.method, "http.route": route, "url.scheme": request.scheme}
    sender = request.headers.get("traceparent", "")
    with tracing.span(f"{request.method} {route}".strip(), "server", sender, attributes=span_attributes):
        response = await handler(request)
        tracing.note({"http.response.status_code": response.status})
        return response
