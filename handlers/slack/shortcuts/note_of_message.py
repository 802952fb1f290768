"""“Add to the timeline”, in a message's menu: of the incident in whose thread it stands, else of one that is chosen."""

from bot.errors import Refused
from bot.incidents.noting import note_message
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.calls import OpenForm, Shortcut
from handlers.slack.forms.note_of_message import MOST, note_view
from handlers.slack.registry import shortcut


@shortcut("incident.note_of_message")
async def note_of_message(shortcut: Shortcut) -> str | OpenForm:
    message = shortcut.message
    if message is None:
        raise Refused("This is for a message.")
    async with shortcut.database.read() as connection:
        incident_id = await channel_messages.shown_as(connection, message.channel, message.thread)
        opened = [] if incident_id else await incidents.open_worst_first(connection, MOST + 1)
    if incident_id is None:
        if not opened:
            raise Refused("No incident is open. “Make an incident of this” opens one.")
        return OpenForm(note_view(message, opened))
    noted = message.note(posted=True)
    changed = await note_message(shortcut.database, incident_id, noted, shortcut.who, shortcut.now)
    return f"Noted in the timeline of incident #{changed.number}."
