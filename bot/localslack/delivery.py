"""What Slack sends to an app: signed requests over HTTP, or envelopes over Socket Mode where the app is connected.

https://docs.slack.dev/authentication/verifying-requests-from-slack
https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from bot.localslack.state import APP_ID, BOT_USER, TEAM, Json

LIMIT_SECONDS = 3.0


def sign(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers with which Slack vouches for a body."""
    digest = hmac.new(secret.encode(), b"v0:%d:%b" % (timestamp, body), hashlib.sha256).hexdigest()
    return {
        "X-Slack-Signature": f"v0={digest}",
        "X-Slack-Request-Timestamp": str(timestamp),
        "Content-Type": "application/x-www-form-urlencoded",
    }


@dataclass
class Delivery:
    """Sends interactions and commands to the app. The last socket that connected gets them, else the request URL."""

    secret: str
    request_url: str | None
    clock: Callable[[], float] = time.time
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)
    _last: Json | None = None
    _last_event: bytes = b""
    _acknowledged: dict[str, "asyncio.Future[Json]"] = field(default_factory=dict)

    async def interaction(self, payload: Json) -> tuple[int, Json]:
        return await self._send("interactive", payload, urlencode({"payload": json.dumps(payload)}))

    async def command(self, form: Json) -> tuple[int, Json]:
        return await self._send("slash_commands", form, urlencode(form))

    async def event(self, event: Json, ext_shared: bool = False) -> tuple[int, Json]:
        """Something that happened in the workspace, to which the app subscribed. https://docs.slack.dev/apis/events-api

        ``ext_shared``: in a channel that another organisation reads, too.
        """
        known = {"team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "enterprise_id": None}
        payload: Json = {
            "type": "event_callback",
            "token": "unused",
            "team_id": TEAM,
            "api_app_id": APP_ID,
            "event": event,
            "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
            "event_time": int(self.clock()),
            "authorizations": [known],
            "is_ext_shared_channel": ext_shared,
        }
        self._last_event = json.dumps(payload).encode()
        return await self._send("events_api", payload, self._last_event.decode(), "application/json")

    async def send_event_again(self) -> int:
        """Send the last event anew over HTTP, as Slack does where it saw no answer; the status of this time."""
        again = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
        status, _ = await self._over_http(self._last_event, again | {"Content-Type": "application/json"})
        return status

    async def _send(self, kind: str, payload: Json, form: str, content_type: str = "") -> tuple[int, Json]:
        """The app's status and answer; 504 where it did not answer in time."""
        try:
            if self.sockets:
                return 200, await self._over_socket(kind, payload)
            return await self._over_http(form.encode(), {"Content-Type": content_type} if content_type else {})
        except TimeoutError:
            return 504, {}

    async def _over_http(self, body: bytes, more: dict[str, str]) -> tuple[int, Json]:
        if self.request_url is None:
            return 503, {}
        timeout = aiohttp.ClientTimeout(total=LIMIT_SECONDS)
        headers = sign(self.secret, body, int(self.clock())) | more
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self.request_url, data=body, headers=headers) as answer,
            ):
                return answer.status, _read(await answer.text())
        except aiohttp.ClientError:
            return 502, {}

    async def _over_socket(self, kind: str, payload: Json) -> Json:
        envelope_id = str(uuid.uuid4())
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._acknowledged[envelope_id] = future
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                envelope = {
                    "envelope_id": envelope_id,
                    "type": kind,
                    "payload": payload,
                    "accepts_response_payload": True,
                }
                self._last = envelope
                await self.sockets[-1].send_json(envelope)
                return await future
        finally:
            del self._acknowledged[envelope_id]

    async def serve_socket(self, request: web.Request) -> web.StreamResponse:
        """One Socket Mode connection, from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            raise web.HTTPForbidden
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=10)
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0TANDEM"}})
        self.sockets.append(socket)
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take_acknowledgement(_read(message.data))
        finally:
            self.sockets.remove(socket)
        return socket

    async def send_again(self) -> Json:
        """Send the last envelope anew, as Slack does where it saw no answer; returns the answer of this time."""
        assert self._last is not None
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._acknowledged[self._last["envelope_id"]] = future
        async with asyncio.timeout(LIMIT_SECONDS):
            await self.sockets[-1].send_json(self._last | {"retry_attempt": 1, "retry_reason": "timeout"})
            return await future

    async def turn_away(self, request: web.Request, reason: str) -> web.StreamResponse:
        """A connection that ends with a reason as soon as it has begun."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 10, "connection_info": {"app_id": "A0TANDEM"}})
        await socket.send_json({"type": "disconnect", "reason": reason})
        await socket.close()
        return socket

    async def disconnect(self, notice: bool = False) -> None:
        """End the connections of Socket Mode; with ``notice`` only ask for new ones, as Slack does at times."""
        for socket in list(self.sockets):
            if notice:
                await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
            else:
                await socket.close()

    def _take_acknowledgement(self, answer: Json) -> None:
        future = self._acknowledged.get(str(answer.get("envelope_id")))
        if future and not future.done():
            future.set_result(answer.get("payload") or {})


def _read(text: str) -> Json:
    """JSON where it is some; apps also answer with nothing or plain text."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {}
