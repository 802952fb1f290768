"""The calls to Slack that the notifier makes, and what their failures mean."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import LostLease, TandemError
from bot.notify.slack.render import Rendered
from bot.observability import tracing
from bot.observability.metrics import SLACK_CALLS

EVENT_TYPE = "tandem_incident"
THREAD_EVENT_TYPE = "tandem_thread"
TROUBLE_EVENT_TYPE = "tandem_trouble"
_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_PAGE = 200
_MAX_PAGES = 20
PATIENCE = 5.0
"""For how long a request that was sent is waited for when nobody wants its answer any more, in seconds."""

# https://docs.slack.dev/reference/methods/chat.postMessage#errors
_REFUSED = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "no_permission",
    "missing_scope",
    "not_allowed_token_type",
    "org_login_required",
    "ekm_access_denied",
    "team_access_not_granted",
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "posting_to_channel_denied",
}
_CONTENT = {
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_too_long",
    "msg_blocks_too_long",
    "no_text",
    "invalid_metadata_format",
    "alt_txt_too_large",
    "file_type_not_allowed",
    "file_upload_size_restricted",
    "file_uploads_disabled",
}
_GONE = {
    "message_not_found",
    "cant_update_message",
    "cant_delete_message",
    "compliance_exports_prevent_deletion",
    "edit_window_closed",
    "thread_not_found",
}


class SlackFailure(TandemError):
    """Slack did not do what it was asked; perhaps it will later. ``retry_after`` is in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class SlackRefusal(SlackFailure):
    """Slack will go on refusing until a person changes the token, its scopes or the channel."""


class ContentRefused(TandemError):
    """Slack will never take this content."""


class MessageGone(TandemError):
    """The message that was to be changed is no longer there, or stays as it is."""


class SlackChannel:
    """One channel, by name or id. Each method is one logical call; every failure is one of the errors above.

    ``may`` is asked immediately before each request: where it says no, LostLease is raised and nothing is sent. What
    was sent is waited for, also when whoever asked is cancelled: who speaks to the channel next finds what came of it.
    """

    def __init__(self, client: AsyncWebClient, name: str, may: Callable[[], bool] = lambda: True) -> None:
        self._client = client
        self._may = may
        self.name = name
        self._id: str | None = name if _ID.fullmatch(name) else None

    async def find_id(self) -> str:
        """The channel's id, looked up once. Raises SlackRefusal where the bot sees no channel of that name."""
        if self._id is None:
            self._id = await self._look_up()
        return self._id

    async def _look_up(self) -> str:
        wanted, cursor = self.name.lstrip("#"), ""
        while True:
            call = self._client.conversations_list(
                types="public_channel,private_channel", exclude_archived=True, limit=_PAGE, cursor=cursor
            )
            answer = await self._called("conversations.list", call)
            for channel in answer["channels"]:
                if channel["name"] == wanted:
                    return str(channel["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                raise SlackRefusal(f"channel_not_found: the bot sees no channel named {self.name}")

    async def post(self, said: Rendered, metadata: dict[str, Any], thread: str | None = None) -> str:
        """Post a message, or a reply in a thread; returns its ``ts``."""
        call = self._client.chat_postMessage(
            channel=await self.find_id(),
            text=said.text,
            blocks=said.blocks or None,
            metadata=metadata,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str((await self._called("chat.postMessage", call))["ts"])

    async def update(self, ts: str, said: Rendered, metadata: dict[str, Any]) -> None:
        """Edit a message in place."""
        call = self._client.chat_update(
            channel=await self.find_id(), ts=ts, text=said.text, blocks=said.blocks, metadata=metadata
        )
        await self._called("chat.update", call)

    async def upload(self, name: str, content: bytes, alt: str) -> str:
        """Bring a file to Slack, where nobody sees it until it is shared; returns its id.

        https://docs.slack.dev/messaging/working-with-files
        """
        call = self._client.files_getUploadURLExternal(filename=name, length=len(content), alt_txt=alt)
        answer = await self._called("files.getUploadURLExternal", call)
        try:
            async with (
                nullcontext(self._client.session) if self._client.session else aiohttp.ClientSession() as session,
                session.post(answer["upload_url"], data=content) as taken,
            ):
                status = taken.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise SlackFailure(f"file upload: {type(error).__name__} {error}".strip()) from error
        if status != 200:
            raise SlackFailure(f"file upload: HTTP {status}")
        return str(answer["file_id"])

    async def share(self, file_id: str, title: str, thread: str) -> None:
        """Show an uploaded file in a thread."""
        call = self._client.files_completeUploadExternal(
            files=[{"id": file_id, "title": title}], channel_id=await self.find_id(), thread_ts=thread
        )
        await self._called("files.completeUploadExternal", call)

    async def find_message(self, incident_id: str, since: datetime) -> str | None:
        """The incident's own message among those posted since a moment."""
        return await self._find(EVENT_TYPE, {"incident_id": incident_id}, oldest=str(since.timestamp() - 60))

    async def find_messages(self, incident_id: str, since: datetime) -> list[str]:
        """All of the incident's own messages among those posted since a moment."""
        found = self._found(EVENT_TYPE, {"incident_id": incident_id}, oldest=str(since.timestamp() - 60))
        return [ts async for ts in found]

    async def delete(self, ts: str) -> None:
        """Take a message of our own away."""
        await self._called("chat.delete", self._client.chat_delete(channel=await self.find_id(), ts=ts))

    async def find_reply(self, thread: str, position: int) -> bool:
        """Whether the timeline up to ``position`` stands in a thread already."""
        return await self._find(THREAD_EVENT_TYPE, {"position": position}, thread=thread) is not None

    async def find_trouble(self, since: datetime) -> str | None:
        """What was said of Tandem itself since a moment, and is not over."""
        return await self._find(TROUBLE_EVENT_TYPE, {"over": False}, oldest=str(since.timestamp()))

    async def _find(
        self, event_type: str, payload: Mapping[str, Any], oldest: str = "0", thread: str | None = None
    ) -> str | None:
        return await anext(self._found(event_type, payload, oldest, thread), None)

    async def _found(
        self, event_type: str, payload: Mapping[str, Any], oldest: str = "0", thread: str | None = None
    ) -> AsyncIterator[str]:
        cursor = ""
        for _ in range(_MAX_PAGES):
            shared: dict[str, Any] = {
                "channel": await self.find_id(),
                "oldest": oldest,
                "limit": _PAGE,
                "cursor": cursor,
                "include_all_metadata": True,
            }
            if thread:
                answer = await self._called(
                    "conversations.replies", self._client.conversations_replies(ts=thread, **shared)
                )
            else:
                answer = await self._called("conversations.history", self._client.conversations_history(**shared))
            for message in answer["messages"]:
                metadata = message.get("metadata") or {}
                found = metadata.get("event_payload", {})
                if metadata.get("event_type") == event_type and payload.items() <= found.items():
                    yield str(message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _called(self, method: str, call: Coroutine[Any, Any, AsyncSlackResponse]) -> AsyncSlackResponse:
        if not self._may():
            call.close()
            raise LostLease(f"{method}: another replica speaks to this channel by now")
        try:
            with tracing.span(f"slack {method}", "client"):
                answer = await _to_its_end(call)
        except SlackApiError as error:
            SLACK_CALLS.labels(method, "refused").inc()
            raise _meaning_of(method, error) from error
        except (TimeoutError, aiohttp.ClientError, OSError, SlackClientError) as error:
            SLACK_CALLS.labels(method, "unreachable").inc()
            raise SlackFailure(f"{method}: {type(error).__name__} {error}".strip()) from error
        SLACK_CALLS.labels(method, "ok").inc()
        return answer


async def _to_its_end(call: Coroutine[Any, Any, AsyncSlackResponse]) -> AsyncSlackResponse:
    request = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(request)
    except asyncio.CancelledError:
        await asyncio.wait({request}, timeout=PATIENCE)
        request.cancel()
        raise


def incident_metadata(incident_id: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"incident_id": incident_id}}


def thread_metadata(incident_id: str, position: int) -> dict[str, Any]:
    return {"event_type": THREAD_EVENT_TYPE, "event_payload": {"incident_id": incident_id, "position": position}}


def trouble_metadata(over: bool) -> dict[str, Any]:
    return {"event_type": TROUBLE_EVENT_TYPE, "event_payload": {"over": over}}


def _meaning_of(method: str, error: SlackApiError) -> TandemError:
    response = error.response
    status = getattr(response, "status_code", 0)
    data = getattr(response, "data", None)
    code = data.get("error", "") if isinstance(data, dict) else ""
    if status == 429 or code in ("ratelimited", "rate_limited"):
        headers = {name.lower(): value for name, value in response.headers.items()}
        return SlackFailure(f"{method}: rate limited", _seconds(headers.get("retry-after")))
    if code in _REFUSED:
        needed = f" (needs the scope {data['needed']})" if isinstance(data, dict) and data.get("needed") else ""
        return SlackRefusal(f"{method}: {code}{needed}")
    if code in _CONTENT:
        details = (data.get("response_metadata") or {}).get("messages", []) if isinstance(data, dict) else []
        return ContentRefused(f"{method}: {code} {'; '.join(map(str, details))}".strip())
    if code in _GONE:
        return MessageGone(f"{method}: {code}")
    return SlackFailure(f"{method}: {code or f'HTTP {status}'}")


def _seconds(value: Any) -> float:
    try:
        return min(max(float(value), 1.0), 3600.0)
    except (TypeError, ValueError):
        return 30.0
