"""An incident asks for a ticket: written down here, and opened by what speaks to the tracker."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deed import Done, NotPossible, Outcome, Rule
from bot.domain.incident import Incident
from bot.incidents.change import Deed, carry_out
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.database import Database
from bot.storage.queries.deeds import tickets
from bot.storage.queries.deeds.tickets import IncidentTicket, TicketState


async def ask_for_ticket(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Let it have a ticket, once. Raises Refused, audited, with which it is if there is one."""

    async def rule(connection: AsyncConnection, incident: Incident) -> Rule:
        known, tracker = await tickets.of_incident(connection, incident.id)
        if not tracker:
            return _no_tracker
        return _already(known) if known and known.state is not TicketState.REFUSED else _asking(tracker)

    async def then(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
        wanted = IncidentTicket(incident_id=incident.id, asked_by=actor_of(who).id, asked_at=now, next_at=now)
        await tickets.save(connection, wanted)

    return await carry_out(database, incident_id, Deed("incident.ticket", Action.TICKET, rule, then), who, now)


def _no_tracker(incident: Incident, user: str, now: datetime) -> Outcome:
    return NotPossible("No tracker is described: add `tickets` to tandem.yaml.")


def _asking(tracker: str) -> Rule:
    def ask(incident: Incident, user: str, now: datetime) -> Outcome:
        return Done(incident, f"Gets a ticket in {tracker}")

    return ask


def _already(known: IncidentTicket) -> Rule:
    def refuse(incident: Incident, user: str, now: datetime) -> Outcome:
        which = f"{known.key}, {known.url}" if known.url else "it is being opened"
        return NotPossible(f"Incident #{incident.number} has a ticket: {which}.")

    return refuse
