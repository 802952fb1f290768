"""``/incident channel 12``"""

from bot.incidents.beside.own_channel import ask_for_channel
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("channel", args="12", help="give it a channel of its own, with whom it concerns", place=5)
async def channel(call: Call) -> str:
    incident = await incident_of(call)
    changed = await ask_for_channel(call.database, incident.id, call.who, call.now)
    return f"Incident #{changed.number} gets a channel of its own: its message links to it in a moment."
