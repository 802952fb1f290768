"""Stop: a person ends what Tandem announced or runs by itself, and with that takes its autonomy away."""

from datetime import datetime

import msgspec

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.run import Decision, Run, RunStatus
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.remediation.approval import locked
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry


@begun_anew
async def stop(database: Database, run_id: str, who: Who, now: datetime) -> Run:
    """Before it began, nothing is run; under way, it ends at the next boundary and nothing is rolled back.

    Raises Refused, where it is no such run or has ended.
    """
    user = actor_of(who).id
    async with database.write() as connection:
        incident, run = await locked(connection, run_id)
        if run is None or incident is None or run.announced is None:
            raise Refused("Tandem does not run this by itself: there is nothing to stop.")
        permissions.require(who, Action.STOP, incident)
        if run.status.ended:
            raise Refused(f"“{run.plan.title}” is {run.status} already: there is nothing to stop.")
        stopped = msgspec.structs.replace(run, stopped_by=user)
        said = f"Stopped: {run.plan.title}. It runs by itself no more until people have approved it anew"
        if run.status is RunStatus.PROPOSED:
            decisions = [*run.decisions, Decision(user, "reject", now)]
            outcome = f"Stopped by @{user} before it began: nothing was run."
            stopped = msgspec.structs.replace(
                stopped, status=RunStatus.REJECTED, decisions=decisions, ended_at=now, outcome=outcome
            )
        stopped = runs.sealed(connection, stopped)
        await runs.save(connection, [stopped])
        entry = TimelineEntry(incident_id=incident.id, at=now, kind=TimelineKind.RUN, text=said, actor=user)
        await incidents.add_to_timeline(connection, [entry])
        await incidents.touch(connection, incident.id, now)
        details = {"runbook": run.runbook, "plan_hash": run.plan_hash, "status": run.status.value}
        await audit.append(connection, AuditEntry(now, user, "run.stopped_by", f"run {run.id}", details))
    return stopped
