"""``/incident assign 12 @user``"""

from bot.incidents import ownership
from bot.notify.slack.text import who
from handlers.slack.arguments import incident_of, person_in
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("assign", args="12 @user", help="give it to somebody, or with `me` to yourself", place=3)
async def assign(call: Call) -> str:
    number, _, named = call.text.partition(" ")
    incident = await incident_of(call, number)
    changed = await ownership.assign(call.database, incident.id, person_in(call, named.strip()), call.who, call.now)
    return f"Incident #{changed.number} is assigned to {who(changed.owner or '')}."
