"""Socket Mode: Slack's requests over a WebSocket that we open, for where no request can come in.

https://docs.slack.dev/apis/events-api/using-socket-mode. slack_sdk's own client connects anew without a pause for as
long as Slack closes each connection, and does not say that it is not connected; so the connection is made here, and
what comes over it goes to Bolt.
"""

import asyncio
import json
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.slack.failures import retry_after_of
from bot.notify.slack.proxy import proxy_for
from bot.observability.metrics import SLACK_SOCKET_UP

PING_INTERVAL = 10.0
CONNECT_TIMEOUT = 15.0
STABLE = 10.0
"""A connection that lasted so many seconds was one; a shorter one counts as a failure, and the next waits longer."""
LONGEST_WAIT = 60.0
MAX_AT_ONCE = 100
_ANSWERS_KEPT = 200
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited", "rate_limited"}
_UNREACHED = (aiohttp.ClientError, OSError, SlackClientError, AttributeError, TypeError, KeyError, ValueError)

Json = dict[str, Any]
First = Callable[[str], Awaitable[bool]]
"""Whether a request is taken for the first time, by any replica."""

log = structlog.get_logger(__name__)


class Lost(Exception):
    """There is no connection. ``refused``: a person must change something. ``wait``: as Slack asks, in seconds."""

    def __init__(self, reason: str, refused: bool = False, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.refused, self.wait = refused, wait


async def _always(key: str) -> bool:
    return True


class SocketMode:
    """Connects, stays connected, and hands what Slack sends to Bolt, each request once."""

    def __init__(self, bolt: AsyncApp, app_token: str, first: First = _always) -> None:
        self._bolt, self._app_token, self._first = bolt, app_token, first
        self._answers: OrderedDict[str, Json | None] = OrderedDict()
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._state, self._refused, self._reached = "connecting", False, False

    def health(self) -> tuple[str, bool]:
        """``ok``, ``connecting`` or what is wrong, and whether Tandem is ready all the same."""
        well = self._state in ("ok", "connecting")
        return self._state, well or (self._reached and not self._refused)

    async def run(self) -> None:
        """Be connected until cancelled; the longer that fails, the longer the pause before the next attempt."""
        SLACK_SOCKET_UP.set(0)
        failures = 0
        try:
            while True:
                lasted, lost = await self._connection()
                failures = 0 if lasted >= STABLE else failures + 1
                wait = max(lost.wait, _backoff(failures))
                self._lose(lost, wait, failures)
                await asyncio.sleep(wait)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _connection(self) -> tuple[float, Lost]:
        """One connection from its beginning to its end: how long it lasted, and what ended it."""
        loop = asyncio.get_running_loop()
        begun: float | None = None
        try:
            async with connected(self._bolt.client, self._app_token) as socket:
                begun = loop.time()
                self._state, self._refused, self._reached = "ok", False, True
                SLACK_SOCKET_UP.set(1)
                log.info("slack.socket_mode_connected")
                await self._serve(socket)
                lost = Lost("the connection ended")
        except Lost as error:
            lost = error
        except TimeoutError:
            lost = Lost(f"no answer for {CONNECT_TIMEOUT:g} s")
        except _UNREACHED as error:
            lost = Lost(f"{type(error).__name__} {error}".strip()[:300])
        return (loop.time() - begun if begun is not None else 0.0), lost

    def _lose(self, lost: Lost, wait: float, failures: int) -> None:
        """A connection that had lasted and is made anew at once is no trouble yet."""
        SLACK_SOCKET_UP.set(0)
        self._refused = lost.refused
        self._state = f"Socket Mode: {lost}" if failures or lost.refused else "connecting"
        log.warning("slack.socket_mode_lost", reason=str(lost), retry_in=wait)

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            received = _read(message.data)
            if received.get("type") == "disconnect":
                raise _disconnected(received)
            request = SocketModeRequest.from_dict(received)
            if request is not None:
                await self._slots.acquire()
                task = asyncio.create_task(self._take(socket, request))
                self._tasks.add(task)
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()):
            log.error("slack.socket_mode_request_failed", reason=f"{type(error).__name__} {error}"[:300])

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, request: SocketModeRequest) -> None:
        """Slack sends again what it saw no answer to, also over another connection: it gets the answer, and no more."""
        if await self._first(_key(request)):
            response: BoltResponse = await run_async_bolt_app(self._bolt, request)
            if response.status != 200:
                log.warning("slack.socket_mode_request_refused", status=response.status)
                return
            self._answers[request.envelope_id] = _payload(response)
            while len(self._answers) > _ANSWERS_KEPT:
                self._answers.popitem(last=False)
        payload = self._answers.get(request.envelope_id)
        answer = SocketModeResponse(envelope_id=request.envelope_id, payload=payload)
        await socket.send_json(answer.to_dict())


async def probe(client: AsyncWebClient, app_token: str) -> tuple[str, bool]:
    """Open a connection and close it again: what is wrong, or nothing, and whether a person must change something."""
    try:
        async with connected(client, app_token):
            return "", False
    except Lost as lost:
        return str(lost), lost.refused
    except TimeoutError:
        return f"no answer for {CONNECT_TIMEOUT:g} s", False
    except _UNREACHED as error:
        return f"{type(error).__name__} {error}".strip()[:300], False


@asynccontextmanager
async def connected(client: AsyncWebClient, app_token: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connection over which Slack has said hello. Raises Lost, TimeoutError and aiohttp's errors."""
    if client.session is None:
        async with aiohttp.ClientSession(trust_env=True) as session, _opened(client, app_token, session) as socket:
            yield socket
    else:
        async with _opened(client, app_token, client.session) as socket:
            yield socket


@asynccontextmanager
async def _opened(
    client: AsyncWebClient, app_token: str, session: aiohttp.ClientSession
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with asyncio.timeout(CONNECT_TIMEOUT):
        url = await _address(client, app_token)
        proxy, auth = proxy_for(url)
        try:
            socket = await session.ws_connect(url, heartbeat=PING_INTERVAL, proxy=proxy, proxy_auth=auth)
        except (aiohttp.WSServerHandshakeError, aiohttp.ClientHttpProxyError) as error:
            raise Lost(
                f"the WebSocket is answered with HTTP {error.status}: a proxy or a firewall may stand between"
            ) from error
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            hello = await socket.receive()
        received = _read(hello.data) if hello.type is aiohttp.WSMsgType.TEXT else {}
        if received.get("type") == "disconnect":
            raise _disconnected(received)
        if received.get("type") != "hello":
            raise Lost("the WebSocket was closed before Slack said hello")
        yield socket
    finally:
        await socket.close()


async def _address(client: AsyncWebClient, app_token: str) -> str:
    """The address for one connection. It holds once."""
    try:
        return str((await client.apps_connections_open(app_token=app_token))["url"])
    except SlackApiError as error:
        data = error.response.data
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        status = error.response.status_code
        refused = bool(code) and code not in _PASSING and status != 429
        wait = retry_after_of(error) if status == 429 else 0.0
        raise Lost(f"apps.connections.open: {code or f'HTTP {status}'}", refused, wait) from error


def _disconnected(received: Json) -> Lost:
    """https://docs.slack.dev/apis/events-api/using-socket-mode#disconnect"""
    reason = str(received.get("reason", ""))[:100]
    return Lost(f"Slack ended the connection: {reason}", refused=reason == "link_disabled")


def _backoff(failures: int) -> float:
    """Seconds, with jitter: replicas that lost Slack together do not come back together."""
    longest = min(2.0 ** min(failures - 1, 10), LONGEST_WAIT) if failures else 0.0
    return longest * random.uniform(0.5, 1.0)


def _key(request: SocketModeRequest) -> str:
    """What stays the same when a request is sent again."""
    return f"envelope {request.envelope_id}"


def _payload(response: BoltResponse) -> Json | None:
    if not response.body:
        return None
    kind = (response.headers.get("content-type") or [""])[0]
    return _read(response.body) if kind.startswith("application/json") else {"text": response.body}


def _read(text: Any) -> Json:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
