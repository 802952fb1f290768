"""``/incident reopen 12``"""

from bot.incidents import lifecycle
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("reopen", args="12", help="open it again, although it was resolved", place=4)
async def reopen(call: Call) -> str:
    incident = await incident_of(call)
    changed = await lifecycle.reopen(call.database, incident.id, call.who, call.now)
    stays = " It stays open until somebody resolves it." if changed.kept_open_by else ""
    return f"Incident #{changed.number} is open again.{stays}"
