"""Stage: severity and status of each touched incident, from what is active in it now."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus, TimelineKind, severity_from
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


def _with_severity(batch: Batch, incident: Incident) -> Incident:
    severity = severity_from(batch.tallies[incident.id])
    if incident.id not in batch.opened and severity is not incident.severity:
        worse = severity.rank < incident.severity.rank
        text = f"Severity is now {severity} (was {incident.severity})"
        batch.note(incident.id, TimelineKind.STATUS, text, worse=worse)
    return msgspec.structs.replace(incident, severity=severity, version=incident.version + 1, changed_at=batch.now)


def _resolve(batch: Batch, incident: Incident) -> Incident:
    if not incident.open:
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
        healthy_seconds=incident.healthy_seconds + healthy.total_seconds(),
    )
