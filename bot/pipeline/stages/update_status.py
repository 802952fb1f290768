"""Stage: severity and status of each touched incident, from what is active in it now.

A severity that a person set holds whatever the alerts say, and what a person opened by hand stays open.
"""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus, TimelineKind, judged
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage


@stage(
    reads={"alerts", "observed", "opened", "touched", "merged", "incidents", "tallies"},
    writes={"incidents", "timeline"},
    after={"record"},
)
async def update_status(batch: Batch, connection: AsyncConnection) -> None:
    firing = batch.incidents_of_firings()
    for before in batch.touched_incidents():
        incident = _with_severity(batch, before)
        if not any(tally.active for tally in batch.tallies[incident.id]):
            incident = _resolve(batch, incident)
        elif not incident.open and incident.id in firing:
            incident = _reopen(batch, incident)
        batch.incidents[incident.id] = incident


def _with_severity(batch: Batch, before: Incident) -> Incident:
    incident = judged(before, batch.tallies[before.id])
    if incident.id not in batch.opened:
        _note_severity(batch, before, incident)
    return msgspec.structs.replace(incident, version=before.version + 1, changed_at=batch.now)


def _note_severity(batch: Batch, before: Incident, after: Incident) -> None:
    """Where a person's word holds, that the alerts say something else now; it is worse where they say worse."""
    if after.severity is not before.severity:
        worse = after.severity.rank < before.severity.rank
        text = f"Severity is now {after.severity} (was {before.severity})"
        batch.note(after.id, TimelineKind.STATUS, text, worse=worse)
    elif after.severity_by and after.alerts_severity is not before.alerts_severity and before.alerts_severity:
        said = after.alerts_severity or after.severity
        text = f"The alerts say {said} now (was {before.alerts_severity}); the severity stays {after.severity}, as set"
        batch.note(after.id, TimelineKind.STATUS, text, worse=said.rank < before.alerts_severity.rank)


def _resolve(batch: Batch, incident: Incident) -> Incident:
    if not incident.open or incident.kept_open_by:
        return incident
    batch.note(incident.id, TimelineKind.STATUS, "Resolved: no alert is firing any more")
    return msgspec.structs.replace(incident, status=IncidentStatus.RESOLVED, resolved_at=batch.now, resolved_by=None)


def _reopen(batch: Batch, incident: Incident) -> Incident:
    batch.note(incident.id, TimelineKind.STATUS, "Reopened: an alert fires again", worse=True)
    healthy = batch.now - (incident.resolved_at or batch.now)
    return msgspec.structs.replace(
        incident,
        status=IncidentStatus.TRIGGERED,
        resolved_at=None,
        resolved_by=None,
        acknowledged_by=None,
        reopened_at=batch.now,
        owner=None,
        kept_open_by=None,
        healthy_seconds=incident.healthy_seconds + healthy.total_seconds(),
    )
