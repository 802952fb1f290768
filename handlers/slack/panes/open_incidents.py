"""Which incidents somebody may ask about from where they are."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.incidents.permissions import Action, Who, may
from bot.storage.queries import incidents
from bot.storage.queries.deeds import own_channels
from bot.storage.queries.shown import channel_messages

_MOST_READ = 50


async def open_for(connection: AsyncConnection, who: Who) -> list[Incident]:
    """The open incidents about which a person may ask, the worst first."""
    opened = await incidents.open_worst_first(connection, _MOST_READ)
    return [one for one in opened if may(who, Action.ASK, one)]


async def open_in(connection: AsyncConnection, channel: str) -> list[Incident]:
    """The open incidents that a channel shows, the worst first."""
    opened = await incidents.open_worst_first(connection, _MOST_READ)
    return [one for one in opened if await shows(connection, one, channel)]


async def shows(connection: AsyncConnection, incident: Incident, channel: str) -> bool:
    return any(one.channel == channel for one in await channel_messages.in_channels(connection, incident.id))


async def meant_by(connection: AsyncConnection, viewed: str, who: Who) -> list[Incident]:
    """What a person who looks at a channel may mean: the incident whose own it is, else the open ones that it shows."""
    own = await own_channels.incident_in(connection, viewed)
    found = await incidents.by_id(connection, own) if own else None
    shown = [found] if found else await open_in(connection, viewed)
    return [one for one in shown if may(who, Action.ASK, one)]
