"""Stage 7: the likely cause of each touched incident that is open, and a summary from the facts."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Incident, Tally, TimelineKind
from bot.pipeline.batch import Batch
from detectors.rootcause import Symptom, rank


async def explain(batch: Batch, connection: AsyncConnection) -> None:
    for incident_id in batch.touched:
        batch.incidents[incident_id] = _explain(batch, batch.incidents[incident_id])


def _explain(batch: Batch, incident: Incident) -> Incident:
    # Also what has resolved speaks: while alerts end one by one, the cause must not wander to the last of them.
    symptoms = [
        Symptom(tally.service, tally.name, tally.alerts, tally.first_at.timestamp())
        for tally in batch.tallies[incident.id]
    ]
    found = rank(symptoms, batch.rules.depends_on) if incident.open else []
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
