"""``/incident run NAME 12``"""

from bot.errors import Refused
from bot.notify.slack.text import literal, who
from bot.remediation.approval import Terms
from bot.remediation.offers.by_hand import propose_by_hand
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command(
    "run",
    args="restart-checkout 12",
    help="propose a runbook for incident 12, whether it fits or not; others approve it",
    more={"": "which runbooks there are"},
    place=8,
)
async def run(call: Call) -> str:
    name, _, number = call.text.strip().partition(" ")
    books = call.endpoint.runbooks
    if not name:
        lines = [f"• *{literal(one, 60)}* {literal(book.title, 150)}" for one, book in sorted(books.items())]
        return "\n".join(lines) or "There is no runbook in tandem.yaml."
    if not number and name.lstrip("#").isdecimal():
        raise Refused(f"Say which runbook, as in: `{call.example}`.")
    incident = await incident_of(call, number.strip())
    terms = Terms(books, call.endpoint.guards)
    [first, *_] = await propose_by_hand(call.database, terms, name, incident.id, call.who, call.now)
    held = " It may not be run now: the message says why." if first.holds else ""
    approvers = ", ".join(map(who, first.approvers))
    title = literal(first.plan.title, 150)
    return f"“{title}” is proposed in incident #{incident.number}. {approvers} may approve it.{held}"
