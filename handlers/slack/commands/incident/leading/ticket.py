"""``/incident ticket 12``"""

from bot.incidents.beside.ticket import ask_for_ticket
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("ticket", args="12", help="open a ticket for it in your tracker", place=5)
async def ticket(call: Call) -> str:
    incident = await incident_of(call)
    changed = await ask_for_ticket(call.database, incident.id, call.who, call.now)
    return f"Incident #{changed.number} gets a ticket: its message links to it in a moment."
