"""One call to a tool's API, and its possible failures."""

import re
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.errors import TandemError

TIMEOUT = aiohttp.ClientTimeout(total=15)
_MOST_BYTES = 16 * 1024 * 1024
_WORTH_ANOTHER_TRY = (408, 425, 429)
_LONGEST_REASON = 160


class ToolFailure(TandemError):
    """The tool did not answer, or asks to come again, after ``retry_after`` seconds where it says so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ToolRefused(TandemError):
    """The tool does not take this, now or later. ``status`` is HTTP's."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


async def call(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: Mapping[str, str],
    json: Any = None,
    *,
    data: bytes | None = None,
) -> bytes:
    """The body of the answer. Raises ToolFailure, ToolRefused; their words hold nothing of the request."""
    try:
        async with session.request(
            method, url, headers=headers, json=json, data=data, timeout=TIMEOUT, allow_redirects=False
        ) as response:
            body = await _bounded(response)
    except TimeoutError as error:
        raise ToolFailure("it does not answer") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # its words may hold the address and the headers
        raise ToolFailure(f"it cannot be reached: {type(error).__name__}") from None
    if response.status in _WORTH_ANOTHER_TRY or response.status >= 500:
        raise ToolFailure(f"it answers with status {response.status}", _seconds(response.headers.get("Retry-After")))
    if not 200 <= response.status < 300:
        raise ToolRefused(_reason(response.status, body, headers), response.status)
    return body


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ToolFailure(f"its answer is longer than {_MOST_BYTES} bytes")
    return bytes(body)


def _seconds(text: str | None) -> float | None:
    return min(float(text), 600.0) if text and re.fullmatch(r"\d{1,6}", text) else None


def _reason(status: int, body: bytes, headers: Mapping[str, str]) -> str:
    """The status and the beginning of what the tool says; nothing of what we showed it."""
    reason = printable(body[:2000].decode(errors="replace"))
    for secret in (word for value in headers.values() for word in re.split(r"[ =]", value) if len(word) > 5):
        reason = reason.replace(secret, "…")
    return f"status {status}: {reason[:_LONGEST_REASON]}" if reason else f"status {status}"


def printable(text: str) -> str:
    """One line without characters that are none, which also no database refuses."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
