"""Errors as answers to the person: the one place, for commands, buttons and forms alike."""

from collections.abc import Awaitable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import Collision, Refused, StorageUnavailable
from bot.notify.slack.failures import code_of
from bot.notify.slack.text import escaped, inline_code, with_mentions
from handlers.slack.arguments import BadArguments

SLACK_ERRORS = (SlackClientError, aiohttp.ClientError, TimeoutError)
_UNAVAILABLE = "Tandem cannot reach its database at the moment: nothing was changed. Please try again."
_COLLIDED = "Others were changing the same at the same moment: nothing was changed here. Please try again."
_RESPONSE_TIMEOUT = aiohttp.ClientTimeout(total=15)
_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class NotDone(Exception):
    """It was not done. The message is for the person, in Slack's mrkdwn."""


async def or_words(work: Awaitable[_T], example: str = "") -> _T:
    """What ``work`` returns. Raises NotDone for everything that a person can cause or has to wait out.

    ``example`` is shown to whoever wrote arguments that cannot be read.
    """
    try:
        return await work
    except BadArguments as error:
        hint = f"\nAs in: {inline_code(example, 200)}" if example else ""
        raise NotDone(f"{escaped(str(error), 500)}{hint}") from error
    except Refused as error:
        raise NotDone(with_mentions(str(error))) from error
    except Collision as error:
        raise NotDone(_COLLIDED) from error
    except StorageUnavailable as error:
        raise NotDone(_UNAVAILABLE) from error
    except SLACK_ERRORS as error:
        raise NotDone(f"Slack did not take that ({_reason(error)}). Please try again.") from error


def _reason(error: Exception) -> str:
    given = code_of(error) if isinstance(error, SlackApiError) else type(error).__name__
    return inline_code(str(given), 100)


async def tell_privately(client: AsyncWebClient, body: Mapping[str, Any], text: str) -> None:
    """Show something to the person alone who clicked; over the address that came with the click where that fails."""
    channel = (body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or ""
    if not await _shown(client, channel, str(body["user"]["id"]), text):
        await _responded(client, str(body.get("response_url") or ""), text)


async def answer_command(client: AsyncWebClient, command: Mapping[str, Any], text: str) -> None:
    """Answer who typed a slash command, which is possible in channels too that the bot is no member of."""
    if not await _responded(client, str(command.get("response_url") or ""), text):
        await _shown(client, str(command["channel_id"]), str(command["user_id"]), text)


async def _shown(client: AsyncWebClient, channel: str, user: str, text: str) -> bool:
    try:
        await client.chat_postEphemeral(channel=channel, user=user, text=text)
    except (*SLACK_ERRORS, OSError) as error:
        log.warning("slack.ephemeral_failed", reason=_reason(error))
        return False
    return True


async def _responded(client: AsyncWebClient, url: str, text: str) -> bool:
    """Over the client's own session, which goes by the proxy of the environment."""
    if not url:
        return False
    answer = {"text": text, "response_type": "ephemeral", "replace_original": False}
    try:
        async with (
            nullcontext(client.session) if client.session else aiohttp.ClientSession(trust_env=True) as session,
            session.post(url, json=answer, timeout=_RESPONSE_TIMEOUT) as response,
        ):
            taken = response.ok
    except (aiohttp.ClientError, OSError, ValueError) as error:
        log.warning("slack.response_failed", reason=type(error).__name__)  # the address is a secret
        return False
    if not taken:
        log.warning("slack.response_failed", reason=f"HTTP {response.status}")
    return taken
