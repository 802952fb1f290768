"""The life of an incident in people's hands: acknowledge, take back, resolve, reopen."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import deed as rules
from bot.domain.deed import Rule
from bot.domain.incident import Incident
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.change import Deed, always, carry_out
from bot.incidents.offers import withdraw_offers
from bot.incidents.permissions import Action, Who
from bot.storage.database import Database
from bot.storage.queries import alerts, incidents
from bot.storage.queries.deeds import anew, held
from bot.storage.queries.incidents import Key, Span


class StillFiring(Refused):
    """Nothing was changed, because alerts of the incident fire."""

    def __init__(self, incident: Incident, firing: int) -> None:
        super().__init__(f"{still_firing(firing)} in incident #{incident.number}: nothing was changed.")
        self.number = incident.number


def still_firing(count: int) -> str:
    return "1 alert still fires" if count == 1 else f"{count} alerts still fire"


async def acknowledge(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Note that somebody looks after the incident. Raises Refused, audited, where that cannot be."""
    deed = Deed("incident.acknowledged", Action.ACKNOWLEDGE, always(rules.acknowledge))
    return await carry_out(database, incident_id, deed, who, now)


async def unacknowledge(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Take the acknowledgement back: nobody looks after it. Raises Refused, audited."""
    deed = Deed("incident.unacknowledged", Action.UNACKNOWLEDGE, always(rules.unacknowledge))
    return await carry_out(database, incident_id, deed, who, now)


async def resolve(database: Database, incident_id: str, who: Who, now: datetime, *, if_firing: bool = True) -> Incident:
    """Close the incident and withdraw what was offered for it. Raises Refused, audited, where that cannot be.

    Unless ``if_firing``, StillFiring is raised where alerts of it fire: whoever resolves it has to know that they do.
    """
    if not if_firing:
        await _check_quiet(database, incident_id, who)
    deed = Deed("incident.resolved", Action.RESOLVE, always(rules.resolve), _hold_and_withdraw)
    return await carry_out(database, incident_id, deed, who, now)


async def reopen(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Open a resolved incident again: alerts find it, and the pipeline explains it anew. Raises Refused, audited."""
    deed = Deed("incident.reopened", Action.REOPEN, _reopening, _lead_alerts_to_it)
    return await carry_out(database, incident_id, deed, who, now)


async def _check_quiet(database: Database, incident_id: str, who: Who) -> None:
    """Who may not resolve it is not asked either."""
    async with database.read() as connection:
        incident = await incidents.by_id(connection, incident_id)
        firing = await alerts.count_active(connection, incident_id)
    if incident is not None and incident.open and firing and permissions.may(who, Action.RESOLVE, incident):
        raise StillFiring(incident, firing)


async def _hold_and_withdraw(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
    await withdraw_offers(connection, incident.id, now)
    if await alerts.count_active(connection, incident.id):
        await held.hold(connection, incident.id, incident.partition, now)


async def _reopening(connection: AsyncConnection, incident: Incident) -> Rule:
    return rules.reopening(firing=bool(await alerts.count_active(connection, incident.id)))


async def _lead_alerts_to_it(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
    await incidents.save(connection, [incident], {incident.id: keys_of(incident, now)})
    await anew.ask(connection, incident.id, incident.partition)


def keys_of(incident: Incident, now: datetime) -> dict[Key, Span]:
    """The keys by which alerts of its services find an incident that a person opened."""
    return {(incident.domain, "service", service): (now, now) for service in incident.services}
