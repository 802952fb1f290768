"""``/incident lead 12 @user`` and ``/incident scribe 12 @user``"""

from bot.domain.deed import Role
from bot.incidents import ownership
from bot.notify.slack.text import who
from handlers.slack.arguments import incident_of, person_in
from handlers.slack.calls import Call
from handlers.slack.registry import command

NOBODY = "nobody"


@command("lead", args="12 @user", help="who leads: `me`, somebody, or `nobody`", place=3)
async def lead(call: Call) -> str:
    return await _give(call, Role.LEAD)


@command("scribe", args="12 @user", help="who writes down what happens: `me`, somebody, or `nobody`", place=3)
async def scribe(call: Call) -> str:
    return await _give(call, Role.SCRIBE)


async def _give(call: Call, role: Role) -> str:
    number, _, named = call.text.partition(" ")
    incident = await incident_of(call, number)
    to = None if named.strip().lower() in (NOBODY, f"@{NOBODY}") else person_in(call, named.strip())
    changed = await ownership.give_role(call.database, incident.id, role, to, call.who, call.now)
    has_it = who(to) if to else NOBODY
    return f"{role.title()} of incident #{changed.number} is {has_it}."
