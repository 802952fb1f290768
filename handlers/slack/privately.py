"""Words for one person alone: over Slack's API, or over the address that came with what they did."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.slack.failures import code_of
from handlers.slack.reply import Reply

_TIMEOUT = aiohttp.ClientTimeout(total=15)
_MOST_WORDS = 3000

log = structlog.get_logger(__name__)


def channel_of(body: Mapping[str, Any]) -> str:
    """Where somebody clicked; empty where that was not in a channel."""
    return str((body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or "")


def is_on_page(body: Mapping[str, Any]) -> bool:
    """Whether somebody clicked on their own page."""
    return str((body.get("view") or {}).get("type")) == "home"


def words_view(text: str) -> dict[str, Any]:
    """A window that only says something."""
    said = {"type": "section", "text": {"type": "mrkdwn", "text": text[:_MOST_WORDS], "verbatim": True}}
    title, close = ({"type": "plain_text", "text": one} for one in ("Tandem", "Close"))
    return {"type": "modal", "title": title, "close": close, "blocks": [said]}


async def tell_privately(client: AsyncWebClient, body: Mapping[str, Any], text: str) -> None:
    """Show something to the person alone who clicked; over the address that came with the click where that fails.

    Whoever clicked on their own page, which is in no channel, is shown it in front of that.
    """
    reply = Reply(text)
    if is_on_page(body):
        await _shown_in_front(client, str(body.get("trigger_id") or ""), text)
    elif not await _shown(client, channel_of(body), str(body["user"]["id"]), reply):
        await _responded(client, str(body.get("response_url") or ""), reply)


async def tell_in_thread(client: AsyncWebClient, event: Mapping[str, Any], text: str) -> None:
    """Show something to the person alone whom an event is about, where it happened."""
    item = event.get("item") or event
    channel, thread = str(item.get("channel") or ""), str(item.get("thread_ts") or "")
    if channel:
        await _shown(client, channel, str(event.get("user") or ""), Reply(text), thread)


async def answer_command(client: AsyncWebClient, command: Mapping[str, Any], reply: Reply) -> None:
    """Answer who typed a slash command, which is possible in channels too that the bot is no member of."""
    if not await _responded(client, str(command.get("response_url") or ""), reply):
        await _shown(client, str(command["channel_id"]), str(command["user_id"]), reply)


async def _shown_in_front(client: AsyncWebClient, trigger: str, text: str) -> None:
    try:
        await client.views_open(trigger_id=trigger, view=words_view(text))
    except (SlackClientError, aiohttp.ClientError, OSError) as error:
        log.warning("slack.words_not_shown", reason=_reason_of(error))


def _reason_of(error: Exception) -> str:
    return code_of(error) if isinstance(error, SlackApiError) else type(error).__name__


async def _shown(client: AsyncWebClient, channel: str, user: str, reply: Reply, thread: str = "") -> bool:
    try:
        await client.chat_postEphemeral(
            channel=channel, user=user, text=reply.text, blocks=reply.blocks or None, thread_ts=thread or None
        )
    except (SlackClientError, aiohttp.ClientError, OSError) as error:
        log.warning("slack.ephemeral_failed", reason=_reason_of(error))
        return False
    return True


async def _responded(client: AsyncWebClient, url: str, reply: Reply) -> bool:
    """Over the client's own session, which goes by the proxy of the environment."""
    if not url:
        return False
    answer: dict[str, Any] = {"text": reply.text, "response_type": "ephemeral", "replace_original": False}
    answer |= {"blocks": reply.blocks} if reply.blocks else {}
    try:
        async with (
            nullcontext(client.session) if client.session else aiohttp.ClientSession(trust_env=True) as session,
            session.post(url, json=answer, timeout=_TIMEOUT) as response,
        ):
            taken = response.ok
    except (aiohttp.ClientError, OSError, ValueError) as error:
        log.warning("slack.response_failed", reason=type(error).__name__)  # the address is a secret
        return False
    if not taken:
        log.warning("slack.response_failed", reason=f"HTTP {response.status}")
    return taken
