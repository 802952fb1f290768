"""Makes channels in Slack, invites people, and archives them.

https://docs.slack.dev/apis/web-api/using-the-conversations-api
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import LostLease, TandemError
from bot.notify.channel import ChannelFailure, MessageGone
from bot.notify.own_channels.keeping import NotMade
from bot.notify.slack.failures import TOKEN_REFUSED, code_of, retry_after_of
from bot.observability.metrics import SLACK_CALLS

MOST_NAMES = 9
_SKEW = timedelta(minutes=2)
_PAGE, _MOST_PAGES = 200, 50
_TAKEN = "name_taken"
_GONE = ("channel_not_found", "is_archived", "already_archived", "not_in_channel")
_LATER = ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org")
_NO_ANSWER = (TimeoutError, aiohttp.ClientError, OSError, SlackClientError, AttributeError, TypeError, KeyError)


class Refusal(TandemError):
    """Slack refuses a call for ``code``."""

    def __init__(self, method: str, code: str, needed: str = "") -> None:
        super().__init__(f"{method}: {code}" + (f" (needs the scope {needed})" if needed else ""))
        self.code = code


class SlackConversations:
    """Implements :class:`bot.notify.own_channels.keeping.Conversations`. ``bot`` is the bot's own id as a user."""

    def __init__(self, client: AsyncWebClient, bot: Callable[[], str], may: Callable[[], bool] = lambda: True) -> None:
        self._client, self._bot, self._may = client, bot, may

    async def create(self, name: str, since: datetime) -> tuple[str, str]:
        for number in range(1, MOST_NAMES + 1):
            tried = name if number == 1 else f"{name}-{number}"
            try:
                answer = await self._called(
                    "conversations.create", partial(self._client.conversations_create, name=tried)
                )
                return str(answer["channel"]["id"]), tried
            except Refusal as refusal:
                if refusal.code != _TAKEN:
                    raise NotMade(f"Slack refuses it, {refusal}") from refusal
            if made := await self._made_before(tried, since):
                return made, tried
        raise NotMade(f"all names such as #{name} are taken")

    async def _made_before(self, name: str, since: datetime) -> str:
        """The channel of this name that we made when nobody could write that down; empty where another's it is."""
        async for one in self._channels():
            if one.get("name") == name and one.get("creator") == self._bot() and not one.get("is_archived"):
                made_at = float(one.get("created") or 0)
                return str(one["id"]) if made_at >= (since - _SKEW).timestamp() else ""
        return ""

    async def _channels(self) -> AsyncIterator[dict[str, Any]]:
        cursor = ""
        for _ in range(_MOST_PAGES):
            answer = await self._called(
                "conversations.list",
                partial(self._client.conversations_list, types="public_channel", limit=_PAGE, cursor=cursor),
            )
            for one in answer.get("channels") or ():
                yield one
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def invite(self, channel: str, people: Collection[str]) -> None:
        """With ``force`` who cannot be invited keeps nobody else out; being there already is as good."""
        others = [one for one in people if one != self._bot()]
        if not others:
            return
        try:
            await self._called(
                "conversations.invite",
                partial(self._client.conversations_invite, channel=channel, users=",".join(others), force=True),
            )
        except Refusal as refusal:
            if refusal.code in _GONE:
                raise MessageGone(str(refusal)) from refusal

    async def archive(self, channel: str) -> None:
        try:
            await self._called("conversations.archive", partial(self._client.conversations_archive, channel=channel))
        except Refusal as refusal:
            if refusal.code not in _GONE:
                raise ChannelFailure(str(refusal)) from refusal

    async def _called(self, method: str, call: Callable[[], Awaitable[AsyncSlackResponse]]) -> AsyncSlackResponse:
        """Raises Refusal, ChannelFailure."""
        if not self._may():
            raise LostLease(f"{method}: another replica keeps the channels by now")
        try:
            answer = await call()
        except SlackApiError as error:
            SLACK_CALLS.labels(method, "refused").inc()
            code = code_of(error)
            if getattr(error.response, "status_code", 0) == 429 or code in ("ratelimited", "rate_limited"):
                raise ChannelFailure(f"{method}: rate limited", retry_after_of(error)) from error
            if code in _LATER or code.startswith("HTTP") or code in TOKEN_REFUSED:
                raise ChannelFailure(f"{method}: {code}") from error
            data = getattr(error.response, "data", None)
            raise Refusal(method, code, str(data.get("needed") or "") if isinstance(data, dict) else "") from error
        except _NO_ANSWER as error:
            SLACK_CALLS.labels(method, "unreachable").inc()
            raise ChannelFailure(f"{method}: {type(error).__name__} {error}".strip()) from error
        SLACK_CALLS.labels(method, "ok").inc()
        return answer
