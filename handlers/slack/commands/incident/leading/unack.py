"""``/incident unack 12``"""

from bot.incidents import lifecycle
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("unack", args="12", help="nobody looks after it any more: it calls again", place=3)
async def unacknowledge(call: Call) -> str:
    incident = await incident_of(call)
    changed = await lifecycle.unacknowledge(call.database, incident.id, call.who, call.now)
    return f"Incident #{changed.number} is not acknowledged any more."
