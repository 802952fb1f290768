"""``/incident show 12``"""

from collections.abc import Sequence

from bot.domain.incident import Incident, Tally, TimelineEntry
from bot.errors import Refused
from bot.notify.card import AlertLine
from bot.notify.incident_card import alert_lines, card_of
from bot.notify.slack.render import SEVERITY_ICON
from bot.notify.slack.render_details import render_details
from bot.notify.slack.text import literal, one_line, when, who
from bot.notify.view import IncidentView, load_view
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.incidents import title_of, with_lag
from handlers.slack.registry import command
from handlers.slack.reply import Reply

MOST_KINDS = 10
MOST_ENTRIES = 10


@command("show", args="12", help="what is known of incident 12", place=2)
async def show(call: Call) -> Reply:
    incident = await incident_of(call)
    async with call.database.read() as connection:
        view = await load_view(connection, incident.id, call.now)
        timeline = [entry for _, entry in await incidents.timeline_of(connection, incident.id)][-MOST_ENTRIES:]
        places = await channel_messages.places_of(connection, [incident.id])
    if view is None:
        raise Refused(f"There is no incident #{incident.number}.")
    urls = await call.endpoint.links.of(places) if call.endpoint.links else {}
    firing, ended = (_lines(view, active) for active in (True, False))
    made = render_details(card_of(view), firing, ended, timeline, urls.get(incident.id, ""))
    return with_lag(call, Reply(_in_text(view, timeline), made.blocks))


def _lines(view: IncidentView, active: bool) -> tuple[AlertLine, ...]:
    return alert_lines([tally for tally in view.tallies if tally.active is active][:MOST_KINDS], view)


def _in_text(view: IncidentView, timeline: Sequence[TimelineEntry]) -> str:
    """The same without blocks: for notifications, screen readers, and clients that show none."""
    incident, shown = view.incident, view.tallies[:MOST_KINDS]
    lines = [f"*{title_of(incident)}*", f"{incident.status}, {incident.severity}, since {when(incident.opened_at)}"]
    lines += [f"owned by {who(incident.owner)}"] if incident.owner else []
    lines += [f"severity set by {who(incident.severity_by)}{_unlike(incident)}"] if incident.severity_by else []
    lines += [one_line(incident.summary, 600)] if incident.summary else []
    lines += [
        f"• {SEVERITY_ICON[line.severity]} {literal(line.name, 100)} on {literal(line.service or '?', 100)}"
        f" ×{line.count} · {_state(tally)}{_which(line)}"
        for tally, line in zip(shown, alert_lines(shown, view), strict=True)
    ]
    return "\n".join([*lines, *(f"{when(entry.at)} {literal(entry.text, 300)}" for entry in timeline)])


def _unlike(incident: Incident) -> str:
    said = incident.alerts_severity
    return f"; its alerts say {said}" if said and said is not incident.severity else ""


def _state(tally: Tally) -> str:
    if not tally.active:
        return "ended"
    return "flapping" if tally.flapping else "firing"


def _which(line: AlertLine) -> str:
    """What tells alerts that are alike apart, for the first of them."""
    more = f" and {line.count - len(line.instances)} more" if line.count > len(line.instances) else ""
    return f": {literal(', '.join(line.instances), 600)}{more}" if line.instances else ""
