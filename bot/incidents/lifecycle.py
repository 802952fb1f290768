"""What people do to incidents: acknowledge and resolve. Each is one transaction, audited."""

from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus, TimelineEntry, TimelineKind
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.offers import withdraw_offers
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import held


class StillFiring(Refused):
    """Nothing was changed, because alerts of the incident fire."""

    def __init__(self, incident: Incident, firing: int) -> None:
        super().__init__(f"{still_firing(firing)} in incident #{incident.number}: nothing was changed.")
        self.number = incident.number


def still_firing(count: int) -> str:
    return "1 alert still fires" if count == 1 else f"{count} alerts still fire"


_ACTIONS = {IncidentStatus.ACKNOWLEDGED: Action.ACKNOWLEDGE, IncidentStatus.RESOLVED: Action.RESOLVE}


async def acknowledge(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Note that somebody looks after the incident. Raises Refused, audited, where that cannot be."""
    return await _change(database, incident_id, who, now, IncidentStatus.ACKNOWLEDGED)


async def resolve(database: Database, incident_id: str, who: Who, now: datetime, *, if_firing: bool = True) -> Incident:
    """Close the incident and withdraw what was offered for it. Raises Refused, audited, where that cannot be.

    Unless ``if_firing``, StillFiring is raised where alerts of it fire: whoever resolves it has to know that they do.
    """
    if not if_firing:
        await _check_quiet(database, incident_id, who)
    return await _change(database, incident_id, who, now, IncidentStatus.RESOLVED)


async def _check_quiet(database: Database, incident_id: str, who: Who) -> None:
    """Who may not resolve it is not asked either."""
    async with database.read() as connection:
        incident = await incidents.by_id(connection, incident_id)
        firing = await alerts.count_active(connection, incident_id)
    if incident is not None and incident.open and firing and permissions.may(who, Action.RESOLVE, incident):
        raise StillFiring(incident, firing)


@begun_anew
async def _change(database: Database, incident_id: str, who: Who, now: datetime, to: IncidentStatus) -> Incident:
    user = actor_of(who).id
    async with database.write() as connection:
        incident = await incidents.by_id(connection, incident_id, lock=True)
        why = _refusal_of(incident, who, to)
        if incident is None or why:
            details = {"reason": why}
            refused = AuditEntry(now, user, f"incident.{to}.refused", f"incident {incident_id}", details)
            await audit.append(connection, refused)
        else:
            incident = await _apply(connection, incident, user, now, to)
    if incident is None or why:
        raise Refused(why)
    return incident


def _refusal_of(incident: Incident | None, who: Who, to: IncidentStatus) -> str:
    if incident is None:
        return "This incident is not known here."
    if why := permissions.refusal_of(who, _ACTIONS[to], incident):
        return why
    if not incident.open:
        return f"Incident #{incident.number} is already resolved: nothing was changed."
    if incident.status is to:
        owner = incident.acknowledged_by or ""
        by = f" by @{owner}" if owner.isalnum() else ""
        return f"Incident #{incident.number} is already acknowledged{by}."
    return ""


async def _apply(
    connection: AsyncConnection, incident: Incident, user: str, now: datetime, to: IncidentStatus
) -> Incident:
    resolving = to is IncidentStatus.RESOLVED
    changed = msgspec.structs.replace(
        incident,
        status=to,
        resolved_at=now if resolving else None,
        resolved_by=user if resolving else None,
        acknowledged_by=incident.acknowledged_by if resolving else user,
        changed_at=now,
        version=incident.version + 1,
    )
    await incidents.save(connection, [changed], {})
    if resolving:
        await withdraw_offers(connection, incident.id, now)
        if await alerts.count_active(connection, incident.id):
            await held.hold(connection, incident.id, incident.partition, now)
    line = TimelineEntry(incident_id=incident.id, at=now, kind=TimelineKind.STATUS, text=to.capitalize(), actor=user)
    await incidents.add_to_timeline(connection, [line])
    await audit.append(connection, AuditEntry(now, user, f"incident.{to}", f"incident {incident.id}"))
    return changed
