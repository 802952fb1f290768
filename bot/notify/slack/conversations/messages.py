"""What people wrote in Slack, one message at a time."""

from typing import Any, NamedTuple

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.slack.failures import code_of
from bot.storage.database import Database
from bot.storage.queries.shown import channel_messages

_NOT_THERE = ("thread_not_found", "message_not_found", "channel_not_found", "not_in_channel")


class Written(NamedTuple):
    """A message. ``thread`` is that of its first message, its own ts where it is in none; ``ours``: the bot wrote it.

    ``author`` is the id of a person, empty for what another program wrote.
    """

    text: str
    author: str
    thread: str
    ours: bool


class Messages:
    """Reads messages. ``app_id`` of those that the bot itself wrote is found in them."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def may_concern(self, database: Database, channel: str) -> bool:
        """Whether anything of ours is in a channel: elsewhere nothing has to be read."""
        async with database.read() as connection:
            return await channel_messages.shows_any(connection, channel)

    async def one(self, channel: str, ts: str) -> Written | None:
        """A message or a reply; None where there is none. Raises SlackClientError, aiohttp.ClientError, TimeoutError.

        https://docs.slack.dev/reference/methods/conversations.replies
        """
        try:
            answer = await self._client.conversations_replies(
                channel=channel, ts=ts, latest=ts, oldest=ts, inclusive=True, limit=1, include_all_metadata=True
            )
        except SlackApiError as error:
            if code_of(error) in _NOT_THERE:
                return None
            raise
        found = answer.get("messages")
        known = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        return next((_written(one) for one in known if one.get("ts") == ts), None)


def _written(message: dict[str, Any]) -> Written:
    event = str((message.get("metadata") or {}).get("event_type", ""))
    return Written(
        text=str(message.get("text") or ""),
        author="" if message.get("bot_id") else str(message.get("user") or ""),
        thread=str(message.get("thread_ts") or message["ts"]),
        ours=event.startswith("tandem_"),
    )
