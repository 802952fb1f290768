"""From aiohttp to an ASGI application, as which the SDK of the protocol offers its endpoint.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aiohttp import web

CALLER = "tandem.caller"
"""Under this name the scope has who asks."""
Message = MutableMapping[str, Any]
AsgiApp = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class _Sender:
    """Writes what the application sends as the answer to a request."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.response: web.StreamResponse | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.response = web.StreamResponse(status=message["status"])
            for name, value in message.get("headers", ()):
                self.response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
            await self.response.prepare(self._request)
        elif message["type"] == "http.response.body":
            assert self.response is not None  # by the rules of ASGI the start comes first
            if body := message.get("body", b""):
                await self.response.write(body)
            if not message.get("more_body", False):
                await self.response.write_eof()


async def answer(app: AsgiApp, request: web.Request, body: bytes, extra: dict[str, Any]) -> web.StreamResponse:
    """Let the application answer a request whose body was read; ``extra`` goes into the scope."""
    parts = [body]

    async def receive() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    sender = _Sender(request)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.raw_path.encode(errors="replace"),
        "query_string": request.query_string.encode(errors="replace"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        **extra,
    }
    await app(scope, receive, sender.send)
    return sender.response or web.Response(status=500)
