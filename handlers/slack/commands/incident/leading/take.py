"""``/incident take 12``"""

from bot.incidents import ownership
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("take", args="12", help="own it, and acknowledge it where nobody has", place=3)
async def take(call: Call) -> str:
    incident = await incident_of(call)
    changed = await ownership.take(call.database, incident.id, call.who, call.now)
    return f"Incident #{changed.number} is yours."
