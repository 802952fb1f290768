"""``/incident show 12``"""

from bot.domain.incident import Tally, most_important
from bot.notify.slack.render import SEVERITY_ICON
from bot.notify.slack.text import literal, one_line, when
from bot.storage.queries import alerts, incidents
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.incidents import title_of, with_lag
from handlers.slack.registry import command


@command("show", args="12", help="what is known of incident 12", place=2)
async def show(call: Call) -> str:
    incident = await incident_of(call)
    async with call.database.read() as connection:
        tallies = most_important((await alerts.tallies_of(connection, [incident.id]))[incident.id])
        timeline = await incidents.timeline_of(connection, incident.id)
    lines = [f"*{title_of(incident)}*", f"{incident.status}, {incident.severity}, since {when(incident.opened_at)}"]
    lines += [one_line(incident.summary, 600)] if incident.summary else []
    lines += [
        f"• {SEVERITY_ICON[tally.severity]} {literal(tally.name, 100)} on {literal(tally.service or '?', 100)}"
        f" ×{tally.alerts} · {_state(tally)}"
        for tally in tallies[:10]
    ]
    lines += [f"{when(entry.at)} {literal(entry.text, 300)}" for _, entry in timeline[-10:]]
    return with_lag(call, "\n".join(lines))


def _state(tally: Tally) -> str:
    if not tally.active:
        return "ended"
    return "flapping" if tally.flapping else "firing"
