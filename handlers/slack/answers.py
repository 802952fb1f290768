"""Errors as answers to the person: the one place, for commands, buttons and forms alike."""

from collections.abc import Awaitable
from typing import TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import Collision, Refused, StorageUnavailable
from bot.notify.slack.failures import code_of
from bot.notify.slack.text import escaped, inline_code, with_mentions
from handlers.slack.arguments import BadArguments

SLACK_ERRORS = (SlackClientError, aiohttp.ClientError, TimeoutError)
_UNAVAILABLE = "Tandem cannot reach its database at the moment: nothing was changed. Please try again."
_COLLIDED = "Others were changing the same at the same moment: nothing was changed here. Please try again."
_T = TypeVar("_T")


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
