"""A channel of Slack: the calls that the port asks for."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError, SlackObjectFormationError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import LostLease
from bot.notify.budget.budgets import budget_of
from bot.notify.card import Content, DigestCard, Notice, SilenceCard
from bot.notify.channel import (
    Call,
    ChannelFailure,
    ChannelRefusal,
    ContentRefused,
    Mark,
    MessageGone,
    MessageRefused,
    Posted,
    RateLimited,
    Reply,
)
from bot.notify.findings.findings_card import FindingsCard
from bot.notify.paging.page_card import PageCard
from bot.notify.slack.directory import directory_of
from bot.notify.slack.failures import LIMITED_TOGETHER, code_of, meaning_of
from bot.notify.slack.render import plain as render_plain
from bot.notify.slack.render import render
from bot.notify.slack.render_digest import render_digest
from bot.notify.slack.render_notice import render_notice
from bot.notify.slack.render_page import render_page
from bot.notify.slack.render_silence import render_silence
from bot.notify.slack.render_thread import render_plain_thread, render_thread
from bot.notify.slack.rendered import Rendered
from bot.notify.slack.replies.render_findings import render_findings
from bot.notify.slack.text import file_title
from bot.observability import tracing
from bot.observability.metrics import SLACK_CALLS

_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_ELSEWHERE = ("channel_not_found", "is_archived", "is_inactive")
"""What Slack says of a channel whose name may belong to another one by now."""
_PAGE = 200
_MAX_PAGES = 20
_CLOCK_SKEW = timedelta(minutes=1)
_NO_ANSWER_OF_SLACKS = (AttributeError, TypeError, KeyError, ValueError)
"""What slack_sdk raises where a proxy answers in Slack's place, with a list or a text."""
CANCEL_TIMEOUT = 5.0
"""For how long a request that was sent is waited for when its caller was cancelled, in seconds."""


class SlackChannel:
    """Implements :class:`bot.notify.channel.Channel`, by name or id.

    ``may`` is called immediately before each request: where it returns false, LostLease is raised and nothing is
    sent. What was sent is waited for, also when the caller is cancelled, so that its effect can be found afterwards.
    Calls go by the budget of their client, if it has one; ``urgent`` ones come before all others there.
    """

    def __init__(
        self, client: AsyncWebClient, name: str, may: Callable[[], bool] = lambda: True, urgent: bool = False
    ) -> None:
        self._client = client
        self._may, self._urgent, self._budget = may, urgent, budget_of(client)
        self._name = name
        self._named = not _ID.fullmatch(name)
        self._id: str | None = None if self._named else name

    @classmethod
    async def direct(
        cls, client: AsyncWebClient, user: str, may: Callable[[], bool] = lambda: True, urgent: bool = False
    ) -> "SlackChannel":
        """The conversation with a person alone. Raises as the other calls do.

        https://docs.slack.dev/reference/methods/conversations.open
        """
        opening = cls(client, user, may, urgent)
        answer = await opening._called("conversations.open", client.conversations_open(users=user))
        channel = answer.get("channel")
        opening._named = False
        opening._id = str(channel["id"]) if isinstance(channel, dict) and "id" in channel else user
        return opening

    @property
    def name(self) -> str:
        return self._name

    async def key(self) -> str:
        """The channel's id, which stays when it is renamed. It is looked up by its name once, and again where that
        channel is gone. Raises ChannelRefusal where the bot sees no channel of that name."""
        if self._id is None:
            self._id = await directory_of(self._client).find(self._name.lstrip("#"), self._pages)
        if self._id is None:
            raise ChannelRefusal(f"channel_not_found: the bot sees no channel named {self._name}")
        return self._id

    async def _pages(self) -> AsyncIterator[dict[str, str]]:
        cursor = ""
        while True:
            call = self._client.conversations_list(
                types="public_channel,private_channel", exclude_archived=True, limit=_PAGE, cursor=cursor
            )
            answer = await self._called("conversations.list", call)
            known = [one for one in _objects(answer, "channels") if one.get("name") and "id" in one]
            yield {str(one["name"]): str(one["id"]) for one in known}
            cursor = _cursor_of(answer)
            if not cursor:
                return

    async def post(self, content: Content | PageCard, mark: Mark, *, plain: bool = False) -> Posted:
        return await self._post(_rendered(content, plain), mark)

    async def reply(self, message: str, update: Reply, mark: Mark, *, plain: bool = False) -> Posted:
        if isinstance(update, PageCard | FindingsCard):
            made = _rendered(update, plain)
        else:
            made = render_plain_thread(update) if plain else _valid(lambda: render_thread(update))
        return await self._post(made, mark, thread=message, broadcast=update.broadcast)

    async def _post(self, rendered: Rendered, mark: Mark, thread: str | None = None, broadcast: bool = False) -> Posted:
        call = self._client.chat_postMessage(
            channel=await self.key(),
            text=rendered.text,
            blocks=rendered.blocks or None,
            metadata=_metadata(mark),
            thread_ts=thread,
            reply_broadcast=broadcast or None,
            unfurl_links=False,
            unfurl_media=False,
        )
        return _posted((await self._called("chat.postMessage", call)).get("ts"))

    async def address(self, message: str, channel: str = "") -> str:
        call = self._client.chat_getPermalink(channel=channel or await self.key(), message_ts=message)
        try:
            return str((await self._called("chat.getPermalink", call)).get("permalink") or "")
        except (MessageGone, MessageRefused, ContentRefused):
            return ""

    async def update(self, message: str, content: Content, mark: Mark, *, plain: bool = False) -> None:
        rendered = _rendered(content, plain)
        call = self._client.chat_update(
            channel=await self.key(),
            ts=message,
            text=rendered.text,
            blocks=rendered.blocks,
            metadata=_metadata(mark),
        )
        await self._called("chat.update", call)

    async def delete(self, message: str) -> None:
        await self._called("chat.delete", self._client.chat_delete(channel=await self.key(), ts=message))

    async def upload(self, name: str, content: bytes, description: str) -> str:
        """See https://docs.slack.dev/messaging/working-with-files."""
        call = self._client.files_getUploadURLExternal(filename=name, length=len(content), alt_txt=description)
        answer = await self._called("files.getUploadURLExternal", call)
        try:
            async with (
                nullcontext(self._client.session)
                if self._client.session
                else aiohttp.ClientSession(trust_env=True) as session,
                session.post(answer["upload_url"], data=content) as taken,
            ):
                status = taken.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ChannelFailure(f"file upload: {type(error).__name__} {error}".strip()) from error
        if status != 200:
            raise ChannelFailure(f"file upload: HTTP {status}")
        return str(answer["file_id"])

    async def share(self, file: str, title: str, thread: str) -> None:
        call = self._client.files_completeUploadExternal(
            files=[{"id": file, "title": file_title(title)}], channel_id=await self.key(), thread_ts=thread
        )
        await self._called("files.completeUploadExternal", call)

    async def find(self, mark: Mark, since: datetime | None = None, thread: str | None = None) -> AsyncIterator[Posted]:
        wanted, cursor = _metadata(mark), ""
        for _ in range(_MAX_PAGES):
            answer = await self._page(since, thread, cursor)
            for message in _objects(answer, "messages"):
                metadata = message.get("metadata") or {}
                facts = metadata.get("event_payload", {})
                same = wanted["event_payload"].items() <= facts.items()
                if metadata.get("event_type") == wanted["event_type"] and same:
                    yield _posted(message["ts"])
            cursor = _cursor_of(answer)
            if not cursor:
                return

    async def _page(self, since: datetime | None, thread: str | None, cursor: str) -> AsyncSlackResponse:
        shared: dict[str, Any] = {
            "channel": await self.key(),
            "oldest": str((since - _CLOCK_SKEW).timestamp()) if since else "0",
            "limit": _PAGE,
            "cursor": cursor,
            "include_all_metadata": True,
        }
        if thread:
            call = self._client.conversations_replies(ts=thread, **shared)
            return await self._called("conversations.replies", call)
        return await self._called("conversations.history", self._client.conversations_history(**shared))

    async def _called(self, method: str, call: Coroutine[Any, Any, AsyncSlackResponse]) -> AsyncSlackResponse:
        try:
            await self._afford(LIMITED_TOGETHER[method])
            if not self._may():
                raise LostLease(f"{method}: another replica speaks to this channel by now")
        except BaseException:
            call.close()
            raise
        try:
            with tracing.span(f"slack {method}", "client"):
                answer = await _to_its_end(call)
        except SlackApiError as error:
            SLACK_CALLS.labels(method, "refused").inc()
            meaning = meaning_of(method, error)
            if self._budget and isinstance(meaning, RateLimited):
                self._budget.refused(meaning.call)
            if self._named and code_of(error) in _ELSEWHERE:
                self._id = None
            raise meaning from error
        except (TimeoutError, aiohttp.ClientError, OSError, SlackClientError, *_NO_ANSWER_OF_SLACKS) as error:
            SLACK_CALLS.labels(method, "unreachable").inc()
            raise ChannelFailure(f"{method}: {type(error).__name__} {error}".strip()) from error
        SLACK_CALLS.labels(method, "ok").inc()
        return answer

    async def _afford(self, call: Call) -> None:
        """Wait for the turn of this call."""
        if self._budget is not None:
            await self._budget.spend(call, self._id or self._name, self._urgent)


def _objects(answer: AsyncSlackResponse, name: str) -> list[dict[str, Any]]:
    """A list of an answer. Raises ChannelFailure where there is none, as where a proxy answers in Slack's place."""
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ChannelFailure(f"the answer has no list of {name}: it is not Slack's")
    return found


def _cursor_of(answer: AsyncSlackResponse) -> str:
    """Where the next page begins; empty after the last one."""
    answered = answer.get("response_metadata")
    return str(answered.get("next_cursor") or "") if isinstance(answered, dict) else ""


async def _to_its_end(call: Coroutine[Any, Any, AsyncSlackResponse]) -> AsyncSlackResponse:
    request = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(request)
    except asyncio.CancelledError:
        await asyncio.wait({request}, timeout=CANCEL_TIMEOUT)
        request.cancel()
        raise


def _rendered(content: Content | PageCard, plain: bool) -> Rendered:
    if isinstance(content, Notice):
        return _valid(lambda: render_notice(content, plain))
    if isinstance(content, SilenceCard):
        return _valid(lambda: render_silence(content, plain))
    if isinstance(content, PageCard):
        return _valid(lambda: render_page(content, plain))
    if isinstance(content, FindingsCard):
        return _valid(lambda: render_findings(content, plain))
    if isinstance(content, DigestCard):
        return _valid(lambda: render_digest(content, plain))
    return render_plain(content) if plain else _valid(lambda: render(content))


def _valid(make: Callable[[], Rendered]) -> Rendered:
    """What slack_sdk refuses to make, Slack would refuse to take."""
    try:
        return make()
    except SlackObjectFormationError as error:
        raise ContentRefused(f"blocks: {error}") from error


def _metadata(mark: Mark) -> dict[str, Any]:
    """See https://docs.slack.dev/messaging/message-metadata."""
    return {"event_type": f"tandem_{mark.kind}", "event_payload": mark.facts}


def _posted(ts: Any) -> Posted:
    try:
        return Posted(str(ts), datetime.fromtimestamp(float(ts), UTC))
    except (TypeError, ValueError) as error:
        raise ChannelFailure(f"the answer names no message: {str(ts)[:50]}") from error
