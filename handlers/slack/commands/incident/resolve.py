"""``/incident resolve 12``"""

from bot.errors import Refused
from bot.incidents import lifecycle
from bot.incidents.lifecycle import StillFiring
from handlers.slack.arguments import ANYWAY, incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("resolve", args="12", help="close it", more={"12 anyway": "although alerts of it fire"}, place=4)
async def resolve(call: Call) -> str:
    number, _, anyway = call.text.partition(" ")
    incident = await incident_of(call, call.text if anyway.strip().lower() not in ("", ANYWAY) else number)
    deed, confirmations = f"resolve {incident.id}", call.endpoint.confirmations
    meant = confirmations.confirmed(call.user, deed, call.now) or bool(anyway)
    try:
        changed = await lifecycle.resolve(call.database, incident.id, call.who, call.now, if_firing=meant)
    except StillFiring as firing:
        confirmations.ask(call.user, deed, call.now)
        again = f"Type it once more, or `/incident resolve {firing.number} {ANYWAY}`, to resolve it all the same."
        raise Refused(f"{firing} {again}") from firing
    return f"Incident #{changed.number} is resolved."
