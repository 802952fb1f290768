"""Stage: offer the runbooks that fit an open incident; withdraw the offers of a resolved one."""

import uuid
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineKind
from bot.domain.memory import successes
from bot.domain.run import Run, RunStatus, plan_hash
from bot.domain.runbook import Runbook, fits
from bot.errors import PlanError
from bot.incidents.offers import withdrawn
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import alerts, runs

_MOST_ALERTS = 200


@stage(reads={"touched", "incidents", "tallies"}, writes={"runs", "timeline"}, after={"recall"})
async def propose(batch: Batch, connection: AsyncConnection) -> None:
    if not batch.rules.runbooks or not batch.touched:
        return
    known = await runs.of_incidents(connection, batch.touched)
    for incident_id in sorted(batch.touched):
        incident = batch.incidents[incident_id]
        if not incident.open:
            batch.runs += withdrawn(known[incident_id], batch.now)
            continue
        for name, runbook in _the_most_promising_first(batch, incident):
            if fits(runbook.when, incident, batch.tallies[incident_id]) and _may_offer(
                name, incident, known[incident_id]
            ):
                await _offer(batch, name, runbook, incident, connection)


def _the_most_promising_first(batch: Batch, incident: Incident) -> list[tuple[str, Runbook]]:
    """In the order of the configuration, but those before that helped in incidents like this one."""
    helped = successes(incident.past)
    return sorted(batch.rules.runbooks.items(), key=lambda named: -helped.get(named[0], 0.0))


def _may_offer(name: str, incident: Incident, known: list[Run]) -> bool:
    """Once per incident; again after an offer lapsed."""
    last = next((run for run in reversed(known) if run.runbook == name), None)
    return last is None or last.status is RunStatus.EXPIRED


async def _offer(batch: Batch, name: str, runbook: Runbook, incident: Incident, connection: AsyncConnection) -> None:
    try:
        plan = batch.make_plan(name, runbook, await _values(incident, connection))
    except PlanError as error:
        batch.note(incident.id, TimelineKind.RUN, f"“{runbook.title}” fits but cannot be offered: {error}")
        return
    run = Run(
        id=uuid.uuid4().hex,
        incident_id=incident.id,
        partition=incident.partition,
        runbook=name,
        plan=plan,
        plan_hash=plan_hash(plan),
        approvers=runbook.approval.approvers,
        required=runbook.approval.required,
        created_at=batch.now + timedelta(microseconds=len(batch.runs)),  # in the order in which they are offered
        expires_at=batch.now + timedelta(seconds=runbook.approval.expires.total_seconds()),
    )
    batch.runs.append(run)
    batch.note(incident.id, TimelineKind.RUN, f"Proposed: {runbook.title}")


async def _values(incident: Incident, connection: AsyncConnection) -> dict[str, str]:
    """What placeholders may stand for: the incident's facts, and the labels that all its active alerts share."""
    known = (await alerts.of_incidents(connection, [incident.id], limit=_MOST_ALERTS))[incident.id]
    active = [alert.labels for alert in known if alert.active]
    shared = set(active[0].items()).intersection(*(labels.items() for labels in active[1:])) if active else set()
    service = incident.causes[0].service if incident.causes else next(iter(incident.services), "")
    facts = {"incident.number": str(incident.number), "incident.severity": incident.severity.value, "service": service}
    return facts | {f"labels.{name}": value for name, value in shared}
