"""``/incident list``"""

from bot.domain.duration import format_duration
from bot.domain.incident import Incident
from bot.notify.slack.text import link, literal, who
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.calls import Call
from handlers.slack.incidents import title_of, with_lag
from handlers.slack.registry import command

_LISTED = 20


@command("list", help="the open incidents, the worst first", place=1)
async def list_open(call: Call) -> str:
    async with call.database.read() as connection:
        found = await incidents.open_worst_first(connection, _LISTED + 1)
        places = await channel_messages.places_of(connection, [incident.id for incident in found[:_LISTED]])
    if not found:
        return with_lag(call, "No incident is open. 🎉")
    urls = await call.endpoint.links.of(places) if call.endpoint.links else {}
    lines = [_line(call, incident, urls.get(incident.id, "")) for incident in found[:_LISTED]]
    more = ["… and more: see the API"] if len(found) > _LISTED else []
    return with_lag(call, "\n".join([*lines, *more]))


def _line(call: Call, incident: Incident, url: str) -> str:
    """Title, severity, who looks after it, for how long, the likely cause, and where its message is."""
    by = f" by {who(incident.acknowledged_by)}" if incident.acknowledged_by else ""
    state = f"{incident.status}{by} for {format_duration(incident.lasted(call.now))}"
    parts = [title_of(incident), str(incident.severity), state]
    parts += [f"likely cause: {literal(incident.causes[0].phrase, 160)}"] if incident.causes else []
    parts += [link(url, "open")] if url else []
    return " · ".join(parts)
