"""What Slack shows around a conversation with the bot: questions to begin with, that it is at work, a title.

In apps with ``assistant_view`` each conversation is a thread that is opened at the side. In those with ``agent_view``,
which all new apps have, it is the conversation with the app itself, and its questions belong to no thread.
https://docs.slack.dev/ai/migrating-to-agent-messaging
"""

from collections.abc import Awaitable, Sequence
from typing import NamedTuple

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.plain_text import shortened
from bot.notify.slack.failures import code_of

MOST_PROMPTS = 4
_LONGEST_TITLE = 75
_FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)

log = structlog.get_logger(__name__)


class Prompt(NamedTuple):
    """A question that a click asks: ``title`` is what the button says, ``message`` what is then written."""

    title: str
    message: str


class Panes:
    """None of its calls is needed for an answer: what Slack does not take is logged, and nobody waits for it."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def suggest(self, channel: str, thread: str, title: str, prompts: Sequence[Prompt]) -> None:
        """``thread`` is empty where the questions belong to none."""
        offered = [{"title": _line(one.title), "message": one.message} for one in prompts[:MOST_PROMPTS]]
        call = self._client.assistant_threads_setSuggestedPrompts(
            channel_id=channel, thread_ts=thread or None, title=_line(title), prompts=offered
        )
        await self._tried("prompts", call)

    async def status(self, channel: str, thread: str, says: str) -> None:
        """What the bot is doing; Slack takes it away when the bot has answered, else after two minutes."""
        call = self._client.assistant_threads_setStatus(channel_id=channel, thread_ts=thread, status=says)
        await self._tried("status", call)

    async def title(self, channel: str, thread: str, title: str) -> None:
        """By which the conversation is found again."""
        shown = _line(title)
        call = self._client.assistant_threads_setTitle(channel_id=channel, thread_ts=thread, title=shown)
        await self._tried("title", call)

    async def _tried(self, what: str, call: Awaitable[object]) -> None:
        try:
            await call
        except _FAILURES as error:
            reason = code_of(error) if isinstance(error, SlackApiError) else type(error).__name__
            log.info("slack.pane_not_shown", what=what, reason=reason)


def _line(text: str) -> str:
    """As text that mentions and links nothing, whether Slack takes it as plain or not.

    >>> _line("<!channel> is down")
    '‹!channel› is down'
    """
    return shortened(text, _LONGEST_TITLE).translate({ord("<"): "‹", ord(">"): "›"})
