"""Stage: the likely cause of each touched incident that is open, from alerts, changes and metrics."""

from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.cause import Cause, CauseKind
from bot.domain.change import domains_that_count
from bot.domain.event import ChangeKind
from bot.domain.incident import Incident, TimelineKind
from bot.pipeline.batch import Batch
from bot.pipeline.causes.metrics import weigh_metrics
from bot.pipeline.stage import stage
from bot.storage.queries import changes
from detectors.rootcause import Changed, Symptom, rank
from detectors.rootcause.alerts import DATA_CHANGE_WITHIN

_NAMED = {ChangeKind.CONFIG: "config change", ChangeKind.DATA: "data change", ChangeKind.MODEL: "model change"}


@stage(
    reads={"touched", "merged", "incidents", "tallies", "topology", "histories"},
    writes={"incidents", "timeline"},
    after={"inhibit"},
)
async def explain(batch: Batch, connection: AsyncConnection) -> None:
    touched = batch.touched_incidents()
    recent = await _recent_changes(batch, [incident for incident in touched if incident.open], connection)
    for incident in touched:
        near = [change for domain in _domains(batch, incident) for change in recent.get(domain, [])]
        batch.incidents[incident.id] = _explain(batch, incident, near)


def _domains(batch: Batch, incident: Incident) -> list[str]:
    """Those whose changes may matter: also changes whose sender does not name the whole domain."""
    return sorted(domains_that_count(incident.domain, batch.rules.correlation.partition_by))


async def _recent_changes(
    batch: Batch, explained: list[Incident], connection: AsyncConnection
) -> dict[str, list[Changed]]:
    """By domain, the changes near the beginning of incidents, of their services and of what these depend on."""
    if not explained:
        return {}
    services = {service for incident in explained for service in incident.services}
    services |= {below for service in services for below in batch.topology.below(service)}
    began = [incident.troubled_since for incident in explained]
    since = min(began) - timedelta(seconds=DATA_CHANGE_WITHIN)
    domains = {domain for incident in explained for domain in _domains(batch, incident)}
    found: dict[str, list[Changed]] = {}
    for change in await changes.between(connection, domains, services, since, max(began)):
        named = _NAMED.get(change.change, str(change.change))
        what = f"{named} of {change.service}: {change.title}" if change.title else f"{named} of {change.service}"
        found.setdefault(change.domain, []).append(Changed(change.service, what, change.at.timestamp(), change.change))
    return found


def _explain(batch: Batch, incident: Incident, recent: list[Changed]) -> Incident:
    causes = _causes(batch, incident, recent) if incident.open else incident.causes
    known = [] if incident.reopened_at == batch.now else incident.causes
    if causes and (not known or _what_and_where(causes[0]) != _what_and_where(known[0])):
        batch.note(
            incident.id, TimelineKind.CAUSE, f"Likely cause: {causes[0].phrase} ({'; '.join(causes[0].evidence)})"
        )
    return msgspec.structs.replace(incident, causes=causes)


def _causes(batch: Batch, incident: Incident, recent: list[Changed]) -> list[Cause]:
    # What has resolved counts too: while alerts end one by one, the cause must not wander to the last of them.
    # Only when all had ended and it reopened, it is another trouble, and what ended before is no sign of it.
    symptoms = [
        Symptom(tally.service, tally.name, tally.alerts, tally.first_at.timestamp())
        for tally in batch.tallies[incident.id]
        if tally.active or incident.reopened_at is None or tally.first_at >= incident.reopened_at
    ]
    found = weigh_metrics(batch, incident, rank(symptoms, batch.topology, recent))
    return [Cause(f.service, CauseKind(f.kind), f.score, f.evidence) for f in found]


def _what_and_where(cause: Cause) -> tuple[str, CauseKind]:
    return cause.service, cause.kind
