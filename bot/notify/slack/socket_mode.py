"""Socket Mode: Slack's requests over a WebSocket that we open, for where no request can come in.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

PING_INTERVAL = 5.0
CONNECT_TIMEOUT = 30.0

log = structlog.get_logger(__name__)


async def stay_connected(bolt: AsyncApp, app_token: str) -> None:
    """Be connected until cancelled. The client reconnects by itself; when it cannot, a new one takes its place.

    It cannot where an address fails that Slack gave it: the address holds once, and the client tries no other.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(_Lost), wait=wait_random_exponential(max=60), before_sleep=_note
    )
    await retrying(_connect, bolt, app_token)


class _Lost(Exception):
    """There has been no connection for CONNECT_TIMEOUT seconds."""


def _note(state: RetryCallState) -> None:
    log.warning(
        "slack.socket_mode_lost", reason=f"no connection for {CONNECT_TIMEOUT:g} s", retry_in=state.upcoming_sleep
    )


async def _connect(bolt: AsyncApp, app_token: str) -> None:
    """Connect, and stay so. Raises _Lost."""
    handler = AsyncSocketModeHandler(bolt, app_token, ping_interval=PING_INTERVAL)
    loop = asyncio.get_running_loop()
    connecting = asyncio.create_task(handler.connect_async())
    connected_at = loop.time()
    try:
        while loop.time() - connected_at < CONNECT_TIMEOUT:
            await asyncio.sleep(1)
            if await handler.client.is_connected():
                connected_at = loop.time()
    finally:
        connecting.cancel()
        await handler.close_async()
    raise _Lost
