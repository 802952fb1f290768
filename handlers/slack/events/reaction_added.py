"""A reaction on a reply in an incident's thread writes it in the timeline.

https://docs.slack.dev/reference/events/reaction_added
"""

from collections.abc import Mapping
from typing import Any

from bot.incidents.noting import Message, note_message
from bot.storage.queries.deeds import own_channels
from bot.storage.queries.shown import channel_messages
from handlers.slack.calls import Event
from handlers.slack.registry import event
from handlers.slack.slash import unescaped

NOTES = frozenset({"memo", "pushpin", "round_pushpin"})


def _is_a_note(fields: Mapping[str, Any]) -> bool:
    item = fields.get("item") or {}
    return fields.get("reaction") in NOTES and item.get("type") == "message"


@event("reaction_added", _is_a_note)
async def reacted(event: Event) -> str | None:
    """What stands elsewhere, and what the bot itself wrote, is no note."""
    item = event.about["item"]
    channel, ts = str(item["channel"]), str(item["ts"])
    messages = event.endpoint.messages
    if messages is None or not await messages.may_concern(event.database, channel):
        return None
    found = await messages.one(channel, ts)
    if found is None or found.ours:
        return None
    async with event.database.read() as connection:
        incident_id = await channel_messages.shown_as(connection, channel, found.thread)
        own = await own_channels.incident_in(connection, channel)
    if incident_id is None or (found.thread == ts and own is None):
        return None
    written = Message(channel, ts, unescaped(found.text), found.author)
    changed = await note_message(event.database, incident_id, written, event.who, event.now)
    return f"Noted in incident #{changed.number}."
