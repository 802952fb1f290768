"""Stage: severity, title and status of each touched incident, from what is active in it now."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus, TimelineKind, severity_from, title_from
from bot.pipeline.batch import Batch


async def settle(batch: Batch, connection: AsyncConnection) -> None:
    began = batch.began()
    for incident_id in batch.touched - batch.merged.keys():
        incident = _describe(batch, batch.incidents[incident_id])
        if not any(tally.active for tally in batch.tallies[incident_id]):
            incident = _resolve(batch, incident)
        elif not incident.open and incident_id in began:
            incident = _reopen(batch, incident)
        batch.incidents[incident_id] = incident


def _describe(batch: Batch, incident: Incident) -> Incident:
    tallies = batch.tallies[incident.id]
    severity = severity_from(tallies)
    if incident.title and severity is not incident.severity:
        batch.note(incident.id, TimelineKind.STATUS, f"Severity is now {severity} (was {incident.severity})")
    return msgspec.structs.replace(
        incident, severity=severity, title=title_from(tallies), version=incident.version + 1, changed_at=batch.now
    )


def _resolve(batch: Batch, incident: Incident) -> Incident:
    if not incident.open:
        return incident
    batch.note(incident.id, TimelineKind.STATUS, "Resolved: no alert is firing any more")
    return msgspec.structs.replace(incident, status=IncidentStatus.RESOLVED, resolved_at=batch.now, resolved_by=None)


def _reopen(batch: Batch, incident: Incident) -> Incident:
    batch.note(incident.id, TimelineKind.STATUS, "Reopened: an alert fires again")
    healthy = batch.now - (incident.resolved_at or batch.now)
    return msgspec.structs.replace(
        incident,
        status=IncidentStatus.TRIGGERED,
        resolved_at=None,
        resolved_by=None,
        acknowledged_by=None,
        healthy_seconds=incident.healthy_seconds + healthy.total_seconds(),
    )
