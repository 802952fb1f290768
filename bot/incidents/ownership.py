"""Who has an incident, how severe people say it is, and what they write about it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import deed as rules
from bot.domain.access.person import is_user
from bot.domain.deed import Role, Rule
from bot.domain.incident import Incident, severity_from
from bot.domain.severity import Severity
from bot.errors import Refused
from bot.incidents.change import Deed, always, carry_out
from bot.incidents.permissions import Action, Who
from bot.storage.database import Database
from bot.storage.queries import alerts


async def take(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Acknowledge it and own it. Raises Refused, audited: of two at once, one has it, and the other is told who."""
    return await carry_out(
        database, incident_id, Deed("incident.taken", Action.ACKNOWLEDGE, always(rules.take)), who, now
    )


async def assign(database: Database, incident_id: str, to: str, who: Who, now: datetime) -> Incident:
    """Give it to a person, who learns of it in its thread. Raises Refused, audited."""
    if not is_user(to):
        raise Refused(f"{to[:40]!r} is no id of a person: write a member of the workspace, as in @name.")
    deed = Deed("incident.assigned", Action.ASSIGN, always(rules.assigning(to)), details=(("to", to),))
    return await carry_out(database, incident_id, deed, who, now)


async def give_role(
    database: Database, incident_id: str, role: Role, to: str | None, who: Who, now: datetime
) -> Incident:
    """Let a person lead it or be its scribe, or with None nobody any more. Raises Refused, audited."""
    if to is not None and not is_user(to):
        raise Refused(f"{to[:40]!r} is no id of a person: write a member of the workspace, as in @name.")
    deed = Deed(f"incident.{role}", Action.APPOINT, always(rules.giving_role(role, to)), details=(("to", to),))
    return await carry_out(database, incident_id, deed, who, now)


async def set_severity(
    database: Database, incident_id: str, severity: Severity | None, who: Who, now: datetime
) -> Incident:
    """Set the severity, which holds whatever the alerts say; None lets it follow them again.

    Raises Refused, audited.
    """

    async def rule(connection: AsyncConnection, incident: Incident) -> Rule:
        tallies = (await alerts.tallies_of(connection, [incident.id]))[incident.id]
        return rules.judging(severity, severity_from(tallies) if tallies else None)

    deed = Deed("incident.severity", Action.JUDGE, rule, details=(("severity", severity or "auto"),))
    return await carry_out(database, incident_id, deed, who, now)


async def note(database: Database, incident_id: str, text: str, who: Who, now: datetime) -> Incident:
    """Write a note in its timeline, and so in its thread. Raises Refused, audited."""
    deed = Deed("incident.note", Action.NOTE, always(rules.noting(text.strip())))
    return await carry_out(database, incident_id, deed, who, now)


async def update(database: Database, incident_id: str, text: str, who: Who, now: datetime) -> Incident:
    """Write how it stands: a reply in its thread that the channel shows, too. Raises Refused, audited."""
    deed = Deed("incident.update", Action.UPDATE, always(rules.updating(text.strip())))
    return await carry_out(database, incident_id, deed, who, now)
