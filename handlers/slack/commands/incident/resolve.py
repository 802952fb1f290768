"""``/incident resolve 12``"""

from bot.incidents import lifecycle
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("resolve", args="12", help="close it", place=4)
async def resolve(call: Call) -> str:
    incident = await incident_of(call)
    changed = await lifecycle.resolve(call.database, incident.id, call.who, call.now)
    return f"Incident #{changed.number} is resolved."
