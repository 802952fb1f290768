"""``/incident list``"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.domain.duration import format_duration
from bot.domain.incident import Incident
from bot.notify.slack.render_details import render_list
from bot.notify.slack.text import link, literal, who
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.calls import Call
from handlers.slack.incidents import title_of, with_lag
from handlers.slack.registry import command
from handlers.slack.reply import Reply

_LISTED = 20
_ENDED = 5
_LATELY = timedelta(hours=24)


@command("list", help="the open incidents, the worst first, and those that ended lately", place=1)
async def list_open(call: Call) -> Reply:
    async with call.database.read() as connection:
        found = await incidents.open_worst_first(connection, _LISTED + 1)
        ended = await incidents.resolved_since(connection, call.now - _LATELY, _ENDED)
        shown = [*found[:_LISTED], *ended]
        places = await channel_messages.places_of(connection, [incident.id for incident in shown])
    urls = await call.endpoint.links.of(places) if call.endpoint.links and places else {}
    notes = ["… and more: see the API"] if len(found) > _LISTED else []
    lines = _lines(call, found[:_LISTED], urls) or ["No incident is open. 🎉"]
    made = render_list([("Open", lines), ("Ended in the last day", _lines(call, ended, urls))], notes)
    return with_lag(call, Reply("\n".join([*lines, *notes]), made.blocks))


def _lines(call: Call, found: Sequence[Incident], urls: Mapping[str, str]) -> list[str]:
    return [_line(call, incident, urls.get(incident.id, "")) for incident in found]


def _line(call: Call, incident: Incident, url: str) -> str:
    """Title, severity, who looks after it, for how long, the likely cause, and where its message is."""
    by = f" by {who(incident.acknowledged_by)}" if incident.acknowledged_by and incident.open else ""
    if incident.open and incident.owner and incident.owner != incident.acknowledged_by:
        by += f", assigned to {who(incident.owner)}"
    span = "for" if incident.open else "after"
    state = f"{incident.status}{by} {span} {format_duration(incident.lasted(call.now))}"
    parts = [title_of(incident), str(incident.severity), state]
    parts += [f"likely cause: {literal(incident.causes[0].phrase, 160)}"] if incident.causes else []
    parts += [link(url, "open")] if url else []
    return " · ".join(parts)
