"""Stage: what the batch did to incidents, as spans in the traces of the deliveries that brought the alerts."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import identity_of
from bot.domain.event import AlertEvent, domain_of
from bot.observability import tracing
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import traces


@stage(reads={"entries", "findings", "alerts", "touched", "incidents"}, after={"commit"})
async def trace(batch: Batch, connection: AsyncConnection) -> None:
    """A span for the batch, linked to all deliveries; one for each incident, beneath the delivery that changed it last.

    They stand for work up to just before the commit: where that fails, the batch is done, and traced, again.
    """
    if not tracing.on():
        return
    brought = [(at, event) for at, event in batch.alert_events() if isinstance(event, AlertEvent) and event.trace]
    if not brought:
        return
    deliveries = list(dict.fromkeys(event.trace for _, event in brought))
    about = {"tandem.partition": batch.partition, "tandem.entries": len(batch.entries)}
    with tracing.span("pipeline.batch", "consumer", links=deliveries, start=batch.now, attributes=about):
        whole = tracing.current()
    written = {}
    for incident_id, (at, event) in _last_changes(batch, brought).items():
        incident = batch.incidents[incident_id]
        attributes = {
            "tandem.incident": incident.number,
            "tandem.incident.status": incident.status.value,
            "tandem.waited_seconds": max((batch.now - at).total_seconds(), 0.0),
        }
        with tracing.span("incident.update", parent=event.trace, links=[whole], start=batch.now, attributes=attributes):
            written[incident_id] = tracing.current()
    await traces.save(connection, written)


def _last_changes(batch: Batch, brought: list[tuple[datetime, AlertEvent]]) -> dict[str, tuple[datetime, AlertEvent]]:
    """Of each incident that is written the event that changed it last."""
    found = {}
    for at, event in brought:
        domain = domain_of(event.labels, batch.rules.correlation.partition_by)
        alert = batch.alerts.get(identity_of(domain, event))
        if alert and alert.incident_id in batch.touched:
            found[alert.incident_id] = at, event
    return found
