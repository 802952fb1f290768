"""``/incident list``"""

from bot.domain.duration import format_duration
from bot.storage.queries import incidents
from handlers.slack.calls import Call
from handlers.slack.incidents import title_of, with_lag
from handlers.slack.registry import command

_LISTED = 20


@command("list", help="the open incidents", place=1)
async def list_open(call: Call) -> str:
    async with call.database.read() as connection:
        found = await incidents.list_incidents(connection, status="open", limit=_LISTED + 1)
    if not found:
        return with_lag(call, "No incident is open. 🎉")
    lines = [
        f"{title_of(incident)} · {incident.status} for {format_duration(incident.lasted(call.now))}"
        for incident in found
    ]
    more = ["… and more: see the API"] if len(found) > _LISTED else []
    return with_lag(call, "\n".join([*lines[:_LISTED], *more]))
