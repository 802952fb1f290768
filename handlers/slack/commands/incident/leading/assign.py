"""``/incident assign 12 @user``"""

import re

from bot.errors import Refused
from bot.incidents import ownership
from bot.notify.slack.text import who
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command

_PERSON = re.compile(r"<@([UW][A-Z0-9]{2,30})(?:\|[^>]*)?>|@?([UW][A-Z0-9]{2,30})")


@command("assign", args="12 @user", help="give it to somebody, or with `me` to yourself", place=3)
async def assign(call: Call) -> str:
    number, _, named = call.text.partition(" ")
    incident = await incident_of(call, number)
    changed = await ownership.assign(call.database, incident.id, _person(call, named.strip()), call.who, call.now)
    return f"Incident #{changed.number} is assigned to {who(changed.owner or '')}."


def _person(call: Call, named: str) -> str:
    if named.lower() in ("me", "@me"):
        return call.user
    found = _PERSON.fullmatch(named)
    if found is None:
        raise Refused(f"Say to whom, by a mention or the id of a member: `{call.example}`.")
    return found[1] or found[2]
