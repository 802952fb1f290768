"""What the channels of the local Slack show, and waiting for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bot.errors import TandemError
from bot.localslack import LocalSlack

Message = dict[str, Any]


class StoryBroke(TandemError):
    """A chapter did not end as it should."""


async def message_in(
    slack: LocalSlack, channel: str, seconds: float, what: str, accept: Callable[[Message], bool]
) -> Message:
    """The channel's message, once it is as expected. Raises StoryBroke."""

    async def shown() -> bool:
        return any(accept(message) for message in slack.messages(channel))

    try:
        await wait_until(seconds, what, shown)
    except StoryBroke as error:
        seen = "\n".join(message["text"] for message in slack.messages(channel)) or "nothing"
        raise StoryBroke(f"{error}\n#{channel} shows:\n{seen}") from error
    return next(message for message in slack.messages(channel) if accept(message))


async def mentioned(slack: LocalSlack, channel: str, message: Message, user: str) -> None:
    """Wait until somebody is mentioned in an incident's message, or under it. Raises StoryBroke."""

    async def shown() -> bool:
        now = next((one for one in slack.messages(channel) if one["ts"] == message["ts"]), message)
        replied = any(f"<@{user}>" in reply["text"] for reply in slack.replies(channel, message["ts"]))
        return replied or f"📣 <@{user}>" in str(now)

    await wait_until(30, f"{user} is mentioned in #{channel}", shown)


def expect_messages(slack: LocalSlack, channel: str, count: int) -> None:
    """An incident is one message in each of its channels, edited in place. Raises StoryBroke."""
    if len(shown := slack.messages(channel)) != count:
        raise StoryBroke(f"messages expected in #{channel}: {count}, it shows {len(shown)}")


async def wait_until(seconds: float, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Raises StoryBroke where it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            raise StoryBroke(f"waited {seconds:.0f} s in vain until {what}")
        await asyncio.sleep(0.2)
