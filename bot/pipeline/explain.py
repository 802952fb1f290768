"""Stage 8: the likely cause of each touched incident that is open, and a summary from the facts."""

from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Incident, Tally, TimelineKind
from bot.pipeline.batch import Batch
from bot.storage import changes
from detectors.rootcause import Changed, Symptom, rank
from detectors.rootcause.alerts import CHANGE_WITHIN


async def explain(batch: Batch, connection: AsyncConnection) -> None:
    touched = [batch.incidents[incident_id] for incident_id in batch.touched - batch.merged.keys()]
    recent = await _recent_changes(batch, [incident for incident in touched if incident.open], connection)
    for incident in touched:
        batch.incidents[incident.id] = _explain(batch, incident, recent.get(incident.domain, []))


async def _recent_changes(
    batch: Batch, explained: list[Incident], connection: AsyncConnection
) -> dict[str, list[Changed]]:
    """By domain, the changes near the beginning of incidents, of their services and of what these depend on."""
    if not explained:
        return {}
    services = {service for incident in explained for service in incident.services}
    services |= {below for service in services for below in batch.topology.below(service)}
    began = [incident.opened_at for incident in explained]
    since = min(began) - timedelta(seconds=CHANGE_WITHIN)
    found: dict[str, list[Changed]] = {}
    for change in await changes.between(connection, {one.domain for one in explained}, services, since, max(began)):
        what = f"{change.change} of {change.service}: {change.title}" if change.title else f"{change.change}"
        found.setdefault(change.domain, []).append(Changed(change.service, what, change.at.timestamp()))
    return found


def _explain(batch: Batch, incident: Incident, recent: list[Changed]) -> Incident:
    # Also what has resolved speaks: while alerts end one by one, the cause must not wander to the last of them.
    symptoms = [
        Symptom(tally.service, tally.name, tally.alerts, tally.first_at.timestamp())
        for tally in batch.tallies[incident.id]
    ]
    found = rank(symptoms, batch.topology, recent) if incident.open else []
    causes = [Cause(f.service, CauseKind(f.kind), f.score, f.evidence) for f in found] or incident.causes
    if causes and (not incident.causes or _place(causes[0]) != _place(incident.causes[0])):
        batch.note(
            incident.id, TimelineKind.CAUSE, f"Likely cause: {causes[0].phrase} ({'; '.join(causes[0].evidence)})"
        )
    summary = summarise(incident, batch.tallies[incident.id], causes)
    return msgspec.structs.replace(incident, causes=causes, summary=summary)


def _place(cause: Cause) -> tuple[str, CauseKind]:
    return cause.service, cause.kind


def summarise(incident: Incident, tallies: list[Tally], causes: list[Cause]) -> str:
    """One or two sentences made from the facts."""
    shown = [tally for tally in tallies if tally.active] if incident.open else tallies
    count = sum(tally.alerts for tally in shown)
    alerts = "1 alert" if count == 1 else f"{count} alerts"
    services = sorted({tally.service for tally in shown if tally.service})
    reach = f" on {', '.join(services[:3])}" if services else ""
    reach += f" and {len(services) - 3} more services" if len(services) > 3 else ""
    verb = ("is firing" if count == 1 else "are firing") if incident.open else "fired and ended"
    what = f"{alerts} {verb}{reach}."
    if not causes:
        return what
    verb = "is" if incident.open else "was"
    return f"{causes[0].phrase} {verb} the likely cause: {'; '.join(causes[0].evidence)}. {what}"
