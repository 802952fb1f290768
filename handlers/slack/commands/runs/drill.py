"""``/incident drill NAME [12]``"""

from bot.errors import Refused
from bot.notify.slack.text import literal, who
from bot.remediation.approval import Terms
from bot.remediation.drills.live import begin_drill
from bot.remediation.drills.subject import Wanted
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command(
    "drill",
    args="restart-checkout",
    help="rehearse a runbook with a made-up incident: message, guards, preview, approval, and no effect",
    more={"restart-checkout 12": "like incident 12"},
    place=9,
)
async def drill(call: Call) -> str:
    name, _, number = call.text.strip().partition(" ")
    number = number.strip().removeprefix("#")
    if not name or (number and not number.isdecimal()):
        raise Refused(f"Say which runbook, as in: `{call.example}`.")
    endpoint = call.endpoint
    wanted = Wanted(name, int(number) if number else None, endpoint.rules.partitions)
    incident, run = await begin_drill(
        call.database, Terms(endpoint.runbooks, endpoint.guards), wanted, call.who, call.now
    )
    approvers = ", ".join(map(who, run.approvers))
    title = literal(run.plan.title, 150)
    return (
        f"The drill of “{title}” is incident #{incident.number}. {approvers} may approve it; nothing will be changed."
    )
