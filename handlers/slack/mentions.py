"""Messages to the bot: a mention of it in a thread or a channel, or what is written to it alone.

What becomes of one is decided by the word that it begins with (``mentioned/``), and the answer stands in the thread.
Slack sends an event again where it saw no answer: each is taken once. https://docs.slack.dev/reference/events/app_mention
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.incident import Incident
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.actors import actor_in
from handlers.slack.answers import NotDone, or_words
from handlers.slack.calls import Mention, Place, SlackEndpoint
from handlers.slack.panes.answering import at_work, pane_of, settle
from handlers.slack.posting import post
from handlers.slack.registry import ANYTHING, mentions
from handlers.slack.replays import first_time
from handlers.slack.reply import Reply
from handlers.slack.slash import unescaped

MOST_TEXT = 3000
_FIRST_WORD = re.compile(r"\s*([A-Za-z]+)[:,]?(?:\s+|$)(.*)", re.DOTALL)


def listen_to_messages(app: AsyncApp, client: AsyncWebClient, endpoint: SlackEndpoint) -> None:
    """Let the app take what people write to the bot."""

    async def listen(ack: AsyncAck, body: dict[str, Any], event: dict[str, Any]) -> None:
        await ack()
        if _is_ours(event) and await first_time(endpoint, f"message {event.get('channel')} {event.get('ts')}"):
            await take(client, endpoint, event, _name_in(body))

    app.event("app_mention")(listen)
    app.event("message")(listen)


def _is_ours(event: Mapping[str, Any]) -> bool:
    """Whether a person wrote it, to the bot: no edit, no bot, and in channels only what mentions the bot."""
    by_a_person = bool(event.get("user")) and not event.get("bot_id") and not event.get("subtype")
    return by_a_person and (event.get("type") == "app_mention" or event.get("channel_type") == "im")


def _name_in(body: Mapping[str, Any]) -> str:
    """The bot's own id, by which it is mentioned."""
    return next((str(one.get("user_id", "")) for one in body.get("authorizations") or ()), "")


async def take(client: AsyncWebClient, endpoint: SlackEndpoint, event: Mapping[str, Any], name: str) -> None:
    """Do what a message asks for, and answer in its thread."""
    user = {"id": str(event["user"]), "team_id": event.get("user_team") or event.get("team")}
    place = Place(
        str(event["channel"]),
        str(event.get("thread_ts") or event["ts"]),
        str(event["ts"]),
        event.get("channel_type") == "im",
    )
    text = _without(name, str(event.get("text") or ""))[:MOST_TEXT]
    word, rest = _parted(text)
    run = mentions().get(word)
    if run is None:
        run, rest = mentions()[ANYTHING], text

    pane, actor = await pane_of(endpoint, place), await actor_in({"user": user}, endpoint)

    async def done() -> Reply | None:
        incident = await _incident_of(endpoint, place)
        return await run(Mention(endpoint, actor, endpoint.clock(), rest, place, incident))

    async with at_work(endpoint, place, pane):
        try:
            reply = await or_words(done())
        except NotDone as error:
            reply = Reply(str(error))
    if reply is not None:
        await asyncio.gather(post(client, place, reply), settle(endpoint, place, actor, pane))
    endpoint.on_change()


def _without(name: str, text: str) -> str:
    """What is left of a text without the bot's name, with what Slack escapes as it was typed."""
    return unescaped(re.sub(rf"<@{re.escape(name)}(?:\|[^>]*)?>", " ", text) if name else text).strip()


def _parted(text: str) -> tuple[str, str]:
    found = _FIRST_WORD.fullmatch(text)
    return (found[1].lower(), found[2].strip()) if found else (ANYTHING, text)


async def _incident_of(endpoint: SlackEndpoint, place: Place) -> Incident | None:
    async with endpoint.database.read() as connection:
        incident_id = await channel_messages.shown_as(connection, place.channel, place.thread)
        return await incidents.by_id(connection, incident_id) if incident_id else None
