"""Stage: an acknowledgement of an alert in its tool acknowledges the incident.

It is after ``correlate``, which gives the alert its incident, and before ``record``, which counts what the touched
ones hold. The tool is not told of it again: :mod:`bot.integrations.statuses` knows the actor by the tool's name.
"""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import identity_of
from bot.domain.event import AlertEvent, domain_of
from bot.domain.incident import IncidentStatus, TimelineKind
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import incidents
from bot.storage.queries.audit import AuditEntry


@stage(
    reads={"entries", "findings", "alerts", "incidents"},
    writes={"incidents", "touched", "timeline", "audit"},
    after={"correlate"},
)
async def acknowledge(batch: Batch, connection: AsyncConnection) -> None:
    actors = _actors(batch)
    missing = actors.keys() - batch.incidents.keys()
    if missing:
        batch.incidents |= await incidents.by_ids(connection, missing, lock=True)
    for incident_id, actor in actors.items():
        incident = batch.incidents[incident_id]
        if incident.status is not IncidentStatus.TRIGGERED:
            continue
        batch.incidents[incident_id] = msgspec.structs.replace(
            incident,
            status=IncidentStatus.ACKNOWLEDGED,
            acknowledged_by=actor,
            acknowledged_at=incident.acknowledged_at or batch.now,
        )
        batch.touched.add(incident_id)
        batch.note(incident_id, TimelineKind.STATUS, "Acknowledged", actor)
        batch.audit.append(AuditEntry(batch.now, actor, "incident.acknowledged", f"incident {incident_id}"))


def _actors(batch: Batch) -> dict[str, str]:
    """For each incident with an alert that fires and was acknowledged, by whom it was first."""
    found: dict[str, str] = {}
    for _, event in batch.alert_events():
        if not isinstance(event, AlertEvent) or not event.acknowledged_by:
            continue
        alert = batch.alerts.get(identity_of(domain_of(event.labels, batch.rules.correlation.partition_by), event))
        if alert and alert.firing and alert.incident_id:
            found.setdefault(alert.incident_id, event.acknowledged_by)
    return found
