"""``@tandem note TEXT`` in an incident's thread."""

from bot.incidents.noting import Message, note_message
from handlers.slack.calls import Mention
from handlers.slack.registry import mention
from handlers.slack.reply import Reply

NOT_HERE = "Write that in the thread of an incident: only there it is clear of which one it is a note."


@mention("note")
async def note(mention: Mention) -> Reply:
    incident, place = mention.incident, mention.place
    if incident is None:
        return Reply(NOT_HERE)
    written = Message(place.channel, place.message, mention.text, mention.user)
    changed = await note_message(mention.database, incident.id, written, mention.who, mention.now)
    return Reply(f"📝 Noted in the timeline of incident #{changed.number}.")
