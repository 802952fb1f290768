"""``tandem mcp``: messages of the Model Context Protocol from stdin to ``/mcp`` of a running Tandem, answers to stdout.

https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#stdio
"""

import asyncio
import os
import sys

import aiohttp
import msgspec

from bot.errors import ConfigError

_TIMEOUT = aiohttp.ClientTimeout(total=60)
_ERROR = -32000
"""Of JSON-RPC: an error of the server's own kind."""


class _Message(msgspec.Struct):
    id: int | str | None = None


async def forward(url: str) -> None:
    """Until stdin ends. Raises ConfigError without a token."""
    token = os.environ.get("TANDEM_API_TOKEN")
    if not token:
        raise ConfigError("TANDEM_API_TOKEN is not set: it is the token that this agent uses")
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    async with aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT, trust_env=True) as session:
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            if line.strip() and (answer := await _answer(session, f"{url.rstrip('/')}/mcp", line)):
                sys.stdout.buffer.write(answer.replace(b"\n", b" ") + b"\n")
                sys.stdout.buffer.flush()


async def _answer(session: aiohttp.ClientSession, url: str, message: bytes) -> bytes:
    """Nothing for a notification; what went wrong is an error as the answer."""
    try:
        async with session.post(url, data=message) as response:
            body = await response.read()
            return (
                body if response.content_type == "application/json" else _failed(message, body.decode(errors="replace"))
            )
    except (aiohttp.ClientError, TimeoutError) as error:
        return _failed(message, f"Tandem does not answer at {url}: {error or type(error).__name__}")


def _failed(message: bytes, why: str) -> bytes:
    try:
        about = msgspec.json.decode(message, type=_Message).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        about = None
    if about is None:
        return b""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": about, "error": {"code": _ERROR, "message": why[:500]}})
