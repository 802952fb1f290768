"""``POST /slack/events``: Slack's requests over HTTP, each authentic, fresh and taken once.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import InboxFull, StorageUnavailable
from bot.observability.metrics import REQUESTS_REFUSED
from bot.storage.collisions import begun_anew
from bot.storage.queries import audit
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import slack_requests
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.http.problem import not_stored, problem
from handlers.slack.calls import SlackEndpoint
from handlers.slack.privately import tell_privately
from handlers.slack.replays import REMEMBERED

AUDITED_PER_MINUTE = 30
MAX_BODY = 1 * 2**20
SEARCHED_AGAIN_SECONDS = 5
_TIMESTAMP = re.compile(r"[0-9]{1,12}")

log = structlog.get_logger(__name__)


class _EndpointClock(Clock):
    """Slack's verifier on the clock of the endpoint."""

    def __init__(self, endpoint: SlackEndpoint) -> None:
        self._endpoint = endpoint

    def now(self) -> float:
        return self._endpoint.clock().timestamp()


class SlackRequests:
    """Takes Slack's requests, and keeps account of those it refuses."""

    def __init__(self, bolt: AsyncApp, client: AsyncWebClient, signing_secret: str, endpoint: SlackEndpoint) -> None:
        self._bolt = bolt
        self._client = client
        self._endpoint = endpoint
        self._verifier = SignatureVerifier(signing_secret, _EndpointClock(endpoint))
        self._audited: list[datetime] = []

    async def take(self, request: web.Request) -> web.StreamResponse:
        try:
            with share_of(request) as share:
                body = await read_body(request, MAX_BODY, share)
        except Unreadable as error:
            return problem(error.status, str(error), {"Connection": "close"})
        except InboxFull as error:
            return not_stored(error)
        now = self._endpoint.clock()
        signature = request.headers.get("X-Slack-Signature", "")
        try:
            if not self._is_authentic(body, request.headers.get("X-Slack-Request-Timestamp", ""), signature):
                return await self._refuse_unauthentic(request, now)
            fresh = await self._is_fresh(signature, now)
        except StorageUnavailable as error:
            log.error("slack.request_not_taken", reason=str(error))
            return problem(503, "The database is not available: try again.")
        if not fresh and request.content_type == "application/json":
            return web.Response()  # an event that Slack sends again at once; it was taken
        if not fresh and not _is_search(body, request.headers.get("X-Slack-Request-Timestamp", ""), now):
            return await self._refuse_replay(body, now)
        headers: dict[str, str | Sequence[str]] = dict(request.headers)
        taken = AsyncBoltRequest(body=body.decode(), query=request.query_string, headers=headers)
        return await to_aiohttp_response(await self._bolt.async_dispatch(taken))

    @begun_anew
    async def _is_fresh(self, signature: str, now: datetime) -> bool:
        async with self._endpoint.database.write() as connection:
            return await slack_requests.take_request(connection, signature, now, now - REMEMBERED)

    def _is_authentic(self, body: bytes, timestamp: str, signature: str) -> bool:
        """Slack's verifier, spared what Slack never sends and it cannot take."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        well_formed = _TIMESTAMP.fullmatch(timestamp) is not None and signature.isascii()
        return well_formed and self._verifier.is_valid(text, timestamp, signature)

    async def _refuse_unauthentic(self, request: web.Request, now: datetime) -> web.Response:
        reason = "wrong signature or old timestamp"
        await self._audit(now, "unknown", reason, {"from": request.remote or ""})
        return problem(401, "The signature does not hold for this body and time.")

    async def _refuse_replay(self, body: bytes, now: datetime) -> web.Response:
        """A request that was taken already: whoever it names is told, because it may be an attack on them."""
        interaction = _interaction(body)
        user = str((interaction.get("user") or {}).get("id", "unknown"))
        await self._audit(now, user, "replayed request", {})
        if user != "unknown":
            await tell_privately(
                self._client,
                interaction,
                "A request in your name was sent a second time. It was refused; nothing was done.",
            )
        return problem(401, "This request was taken already.")

    async def _audit(self, now: datetime, actor: str, reason: str, details: Mapping[str, Any]) -> None:
        """Bounded: whoever can reach the endpoint must not fill the disk with its audit log."""
        REQUESTS_REFUSED.labels("401").inc()
        log.warning("slack.request_refused", reason=reason, actor=actor)
        self._audited = [at for at in self._audited if now - at < timedelta(minutes=1)]
        if len(self._audited) < AUDITED_PER_MINUTE:
            self._audited.append(now)
            entry = AuditEntry(now, actor, "slack.refused", "door /slack/events", {"reason": reason, **details})
            async with self._endpoint.database.write() as connection:
                await audit.append(connection, entry)


def _is_search(body: bytes, timestamp: str, now: datetime) -> bool:
    """What a person types in a list twice within a second is the same request, and changes nothing."""
    just_now = now.timestamp() - int(timestamp) <= SEARCHED_AGAIN_SECONDS
    return just_now and _interaction(body).get("type") == "block_suggestion"


def _interaction(body: bytes) -> dict[str, Any]:
    """User and channel of an interaction or a command."""
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    if "payload" in form:
        payload = json.loads(form["payload"])
        return payload if isinstance(payload, dict) else {}
    if "user_id" in form:
        return {"user": {"id": form["user_id"]}, "channel": {"id": form.get("channel_id", "")}}
    return {}


def add_slack_route(
    app: web.Application, bolt: AsyncApp, client: AsyncWebClient, signing_secret: str, endpoint: SlackEndpoint
) -> None:
    app.router.add_post("/slack/events", SlackRequests(bolt, client, signing_secret, endpoint).take)
