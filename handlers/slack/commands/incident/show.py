"""``/incident show 12``"""

from collections.abc import Sequence

from bot.domain.alert import Alert
from bot.domain.incident import Tally, most_important
from bot.notify.incident_card import is_of
from bot.notify.instances import first_of
from bot.notify.slack.render import SEVERITY_ICON
from bot.notify.slack.text import literal, one_line, when
from bot.notify.view import MAX_NAMED
from bot.storage.queries import alerts, incidents
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.incidents import title_of, with_lag
from handlers.slack.registry import command

MOST_NAMED = 10


@command("show", args="12", help="what is known of incident 12", place=2)
async def show(call: Call) -> str:
    incident = await incident_of(call)
    async with call.database.read() as connection:
        tallies = most_important((await alerts.tallies_of(connection, [incident.id]))[incident.id])
        known = (await alerts.of_incidents(connection, [incident.id], MAX_NAMED))[incident.id]
        timeline = await incidents.timeline_of(connection, incident.id)
    lines = [f"*{title_of(incident)}*", f"{incident.status}, {incident.severity}, since {when(incident.opened_at)}"]
    lines += [one_line(incident.summary, 600)] if incident.summary else []
    lines += [
        f"• {SEVERITY_ICON[tally.severity]} {literal(tally.name, 100)} on {literal(tally.service or '?', 100)}"
        f" ×{tally.alerts} · {_state(tally)}{_which(tally, known)}"
        for tally in tallies[:10]
    ]
    lines += [f"{when(entry.at)} {literal(entry.text, 300)}" for _, entry in timeline[-10:]]
    return with_lag(call, "\n".join(lines))


def _state(tally: Tally) -> str:
    if not tally.active:
        return "ended"
    return "flapping" if tally.flapping else "firing"


def _which(tally: Tally, known: Sequence[Alert]) -> str:
    """What tells alerts that are alike apart, for the first of them."""
    named = first_of([alert for alert in known if is_of(alert, tally)], MOST_NAMED)
    if not named:
        return ""
    more = f" and {tally.alerts - len(named)} more" if tally.alerts > len(named) else ""
    return f": {literal(', '.join(named), 600)}{more}"
