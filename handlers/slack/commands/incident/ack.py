"""``/incident ack 12``"""

from bot.incidents import lifecycle
from bot.notify.slack.text import who
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("ack", args="12", help="acknowledge it: you look after it", place=3)
async def acknowledge(call: Call) -> str:
    incident = await incident_of(call)
    changed = await lifecycle.acknowledge(call.database, incident.id, call.who, call.now)
    if changed.owner not in (None, call.user):
        return f"Incident #{changed.number} is acknowledged; {who(changed.owner)} owns it."
    return f"Incident #{changed.number} is yours."
