"""What is made beside an incident: a channel of its own, a ticket."""

from bot.domain.access.scope import Scope
from bot.incidents.beside.own_channel import ask_for_channel
from bot.incidents.beside.ticket import ask_for_ticket
from handlers.api.found import changed, incident_of
from handlers.api.operation import Answer, Call, NoBody, NoQuery, operation
from handlers.api.shapes import IncidentShape

_WRITE = Scope.INCIDENTS_WRITE


@operation(
    "POST",
    "/api/incidents/{id}/channel",
    _WRITE,
    summary="Give it a channel of its own: it is made in Slack in a moment, with whom the incident concerns",
    answer=IncidentShape,
    conflicts="It has one, or is resolved",
)
async def make_channel(call: Call[NoQuery, NoBody]) -> Answer:
    incident = await incident_of(call)
    await ask_for_channel(call.database, incident.id, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/ticket",
    _WRITE,
    summary="Open a ticket for it in the tracker of tandem.yaml: it is there in a moment",
    answer=IncidentShape,
    conflicts="It has one, or no tracker is described",
)
async def open_ticket(call: Call[NoQuery, NoBody]) -> Answer:
    incident = await incident_of(call)
    await ask_for_ticket(call.database, incident.id, call.who, call.now)
    return await changed(call, incident.id)
