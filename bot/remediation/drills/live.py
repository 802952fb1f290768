"""A drill with people: an incident in the channel that says that it is one, an offer, an approval, and no effect."""

from datetime import datetime

import msgspec

from bot.domain.incident import Incident, IncidentStatus, TimelineEntry, TimelineKind
from bot.domain.run import Run
from bot.errors import PlanError, Refused
from bot.incidents import permissions
from bot.incidents.guarding import Subject, blast_radius, held_by
from bot.incidents.offers import offer_of
from bot.incidents.permissions import Action, Who, actor_of
from bot.remediation.approval import Terms
from bot.remediation.drills.rehearsal import unknown
from bot.remediation.drills.subject import Wanted, incident_like, planned
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.listed.runs import drills_that_are_over


@begun_anew
async def begin_drill(
    database: Database, terms: Terms, wanted: Wanted, who: Who, now: datetime
) -> tuple[Incident, Run]:
    """Open the made-up incident with the runbook offered in it. Raises Refused."""
    name, runbook, user = wanted.runbook, terms.runbooks.get(wanted.runbook), actor_of(who).id
    if runbook is None:
        why = unknown(name, terms)
        raise Refused(f"{why[0].upper()}{why[1:]}.".replace("?.", "?"))
    async with database.write() as connection:
        like, made = await incident_like(connection, wanted, now)
        try:
            plan, incident = await planned(connection, name, runbook, like, made)
        except PlanError as error:
            raise Refused(f"“{runbook.title}” cannot be drilled: {error}.") from error
        permissions.require(who, Action.PROPOSE, incident)
        if like is not None:
            permissions.require_seen(who, like)
        [taken] = await incidents.take_numbers(connection, 1)
        incident = msgspec.structs.replace(incident, number=taken, kept_open_by=user)
        holds = await held_by(connection, terms.guards, Subject(incident, runbook, plan), now)
        reach = await blast_radius(connection, terms.guards, incident.domain, plan.targets, now)
        offered = msgspec.structs.replace(offer_of(incident, runbook, plan, now, 0), drill=True)
        run = runs.sealed(connection, msgspec.structs.replace(offered, holds=holds, reach=reach))
        await incidents.save(connection, [incident], {})
        await runs.save(connection, [run])
        about = f", like incident #{like.number}" if like else ""
        text = f"Drill of “{runbook.title}”{about}. Approve it as you would: nothing will be changed."
        await incidents.add_to_timeline(connection, [_line(incident, text, now, user, TimelineKind.OPENED)])
        details = {"runbook": name, "plan_hash": run.plan_hash, "incident": taken}
        await audit.append(connection, AuditEntry(now, user, "run.drill", f"run {run.id}", details))
    return incident, run


@begun_anew
async def close_drills(database: Database, now: datetime) -> bool:
    """Resolve the drills whose runs have ended; True where there were any."""
    async with database.read() as connection:
        over = await drills_that_are_over(connection)
    for incident_id in over:
        async with database.write() as connection:
            incident = await incidents.by_id(connection, incident_id, lock=True)
            if incident is None or not incident.open or not incident.drill:
                continue
            done = msgspec.structs.replace(
                incident, status=IncidentStatus.RESOLVED, resolved_at=now, changed_at=now, version=incident.version + 1
            )
            await incidents.save(connection, [done], {})
            await incidents.add_to_timeline(connection, [_line(done, "The drill is over", now, None)])
    return bool(over)


def _line(
    incident: Incident, text: str, now: datetime, actor: str | None, kind: TimelineKind = TimelineKind.STATUS
) -> TimelineEntry:
    return TimelineEntry(incident_id=incident.id, at=now, kind=kind, text=text, actor=actor)
