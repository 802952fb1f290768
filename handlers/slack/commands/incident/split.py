"""``/incident split 12 service=cart``"""

from bot.errors import Refused
from bot.incidents import regroup
from handlers.slack.arguments import incident_of, matchers_in
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("split", args="12 service=cart", help="give the alerts that match an incident of their own", place=6)
async def split(call: Call) -> str:
    number, _, wish = call.text.partition(" ")
    incident = await incident_of(call, number)
    matchers = matchers_in(wish)
    if not matchers:
        raise Refused(f"Say which alerts leave, as in: `{call.example}`.")
    old, new = await regroup.split_by_hand(call.database, incident.number, matchers, call.who, call.now)
    return f"Incident #{new.number} was split off #{old.number}."
