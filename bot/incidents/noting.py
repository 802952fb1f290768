"""What somebody wrote in Slack becomes a note of an incident, once for each message."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import deed as rules
from bot.domain.deed import NotPossible, Outcome, Rule
from bot.domain.incident import Incident
from bot.incidents.change import Deed, carry_out
from bot.incidents.permissions import Action, Who
from bot.storage.database import Database
from bot.storage.queries.deeds import noted, own_channels


class Message(NamedTuple):
    """``author`` is empty where Slack does not say who wrote it. ``posted``: it stands where messages about it do."""

    channel: str
    ts: str
    text: str
    author: str
    posted: bool = True


async def note_message(database: Database, incident_id: str, message: Message, who: Who, now: datetime) -> Incident:
    """Write it in the timeline, in the name of ``who``. Raises Refused, audited, also where it stands there already."""

    async def rule(connection: AsyncConnection, incident: Incident) -> Rule:
        if await noted.is_noted(connection, message.channel, message.ts):
            return _already
        in_thread = message.posted and await own_channels.incident_in(connection, message.channel) is None
        return rules.noting_message(message.text.strip(), message.author, posted=in_thread)

    async def then(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
        await noted.add(connection, message.channel, message.ts, incident.id, now)

    details = (("channel", message.channel), ("ts", message.ts), ("author", message.author))
    return await carry_out(database, incident_id, Deed("incident.note", Action.NOTE, rule, then, details), who, now)


def _already(incident: Incident, user: str, now: datetime) -> Outcome:
    return NotPossible(f"This message is in the timeline of incident #{incident.number} already.")
