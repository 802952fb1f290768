"""Errors as ``application/problem+json``. https://www.rfc-editor.org/rfc/rfc9457"""

import random
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from bot.errors import EventTooLarge, InboxFull, StorageUnavailable

RETRY_AFTER_OUTAGE = 5


def come_again(seconds: int) -> dict[str, str]:
    """The header that asks a sender to come again, later by up to a half: or those sent away together come together.

    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    return {"Retry-After": str(random.randint(seconds, seconds + max(1, seconds // 2)))}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says what is wrong and, where one can know, what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    encoded = msgspec.json.encode(body)
    return web.Response(body=encoded, status=status, headers=headers, content_type="application/problem+json")


def not_stored(error: InboxFull | StorageUnavailable, why: str = "The database does not take events") -> web.Response:
    """The answer to what is in order but could not be kept: its sender shall come again."""
    if isinstance(error, InboxFull):
        return problem(429, str(error), come_again(error.retry_after))
    if isinstance(error, EventTooLarge):
        return problem(413, f"The inbox cannot keep this: {error}.")
    detail = f"{why} at the moment: nothing was accepted."
    return problem(503, detail, come_again(RETRY_AFTER_OUTAGE))


def add_unknown_paths(app: web.Application) -> None:
    """Say also in this form what aiohttp refuses by itself: an unknown path or method. To be called last.

    A route for all the rest, and no middleware, which every request would pay for.
    """
    endpoints = list(app.router.resources())

    async def unknown_path(request: web.Request) -> web.Response:
        resolved = [await endpoint.resolve(request) for endpoint in endpoints]
        allowed = sorted({method for _, methods in resolved for method in methods})
        if not allowed:
            return problem(404, f"There is no endpoint at {request.path[:100]!r}.")
        message = f"{request.method} is not taken here, only {', '.join(allowed)}."
        return problem(405, message, {"Allow": ", ".join(allowed)})

    app.router.add_route("*", "/{path:(?s:.*)}", unknown_path)
