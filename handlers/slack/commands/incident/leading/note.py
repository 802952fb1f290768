"""``/incident note 12 TEXT`` and ``/incident update 12 TEXT``"""

from bot.domain.incident import Incident
from bot.incidents import ownership
from bot.notify.slack.text import when
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("note", args="12 replica 3 was restarted", help="write a note in its timeline", place=5)
async def note(call: Call) -> str:
    incident, text = await _written(call)
    changed = await ownership.note(call.database, incident.id, text, call.who, call.now)
    return f"Noted in incident #{changed.number}."


@command("update", args="12 carts work again", help="say how it stands: the channel shows it, too", place=5)
async def update(call: Call) -> str:
    incident, text = await _written(call)
    changed = await ownership.update(call.database, incident.id, text, call.who, call.now)
    at = changed.next_update_at
    reminds = f" Whoever communicates is reminded {when(at)}, if no other comes before." if at else ""
    return f"The update of incident #{changed.number} goes to its thread and the channel.{reminds}"


async def _written(call: Call) -> tuple[Incident, str]:
    number, _, text = call.text.partition(" ")
    return await incident_of(call, number), text.strip()
