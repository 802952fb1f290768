"""Socket Mode: Slack's requests over a WebSocket that we open, for where no request can come in.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from tenacity import AsyncRetrying, wait_random_exponential

log = structlog.get_logger(__name__)


async def stay_connected(bolt: AsyncApp, app_token: str) -> None:
    """Connect, again and again until it succeeds, and stay so until cancelled; the client itself reconnects."""
    handler = AsyncSocketModeHandler(bolt, app_token)
    try:
        async for attempt in AsyncRetrying(wait=wait_random_exponential(max=60)):
            with attempt:
                await _connect(handler)
        await asyncio.Event().wait()
    finally:
        await handler.close_async()


async def _connect(handler: AsyncSocketModeHandler) -> None:
    try:
        await handler.connect_async()
    except Exception as error:
        log.warning("slack.socket_mode_not_connected", reason=f"{type(error).__name__}: {error}")
        raise
