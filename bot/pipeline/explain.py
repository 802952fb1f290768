"""Stage 7: the likely cause of each touched incident that is open, and a summary from the facts."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Cause, CauseKind, Incident, Tally, TimelineKind
from bot.pipeline.batch import Batch
from detectors.rootcause import Symptom, rank

_WHAT = {
    CauseKind.RESOURCE: "Resource contention on {}",
    CauseKind.DEPENDENCY: "A failing dependency, {}",
    CauseKind.CHANGE: "A change to {}",
    CauseKind.DATA: "The data of {}",
    CauseKind.MODEL: "The model {}",
    CauseKind.TRAFFIC: "Traffic on {}",
    CauseKind.UNKNOWN: "Trouble that begins at {}",
}


async def explain(batch: Batch, connection: AsyncConnection) -> None:
    for incident_id in batch.touched:
        batch.incidents[incident_id] = _explain(batch, batch.incidents[incident_id])


def _explain(batch: Batch, incident: Incident) -> Incident:
    symptoms = [
        Symptom(tally.service, tally.name, tally.count, tally.first_at.timestamp())
        for tally in batch.tallies[incident.id]
        if tally.active
    ]
    found = rank(symptoms, batch.rules.depends_on) if incident.open else []
    # What is known stays known while the alerts resolve one by one.
    causes = [Cause(f.service, CauseKind(f.kind), f.score, f.evidence) for f in found] or incident.causes
    if causes and (not incident.causes or _place(causes[0]) != _place(incident.causes[0])):
        batch.note(incident.id, TimelineKind.CAUSE, f"Likely cause: {phrase(causes[0])} ({'; '.join(causes[0].evidence)})")
    summary = summarise(incident, batch.tallies[incident.id], causes)
    return msgspec.structs.replace(incident, causes=causes, summary=summary)


def _place(cause: Cause) -> tuple[str, CauseKind]:
    return cause.service, cause.kind


def phrase(cause: Cause) -> str:
    """The cause in words: ``Resource contention on forecast-pool``."""
    return _WHAT[cause.kind].format(cause.service)


def summarise(incident: Incident, tallies: list[Tally], causes: list[Cause]) -> str:
    """One or two sentences made from the facts."""
    shown = [tally for tally in tallies if tally.active] if incident.open else tallies
    count = sum(tally.count for tally in shown)
    alerts = "1 alert" if count == 1 else f"{count} alerts"
    services = sorted({tally.service for tally in shown if tally.service})
    reach = f" on {', '.join(services[:3])}" if services else ""
    reach += f" and {len(services) - 3} more services" if len(services) > 3 else ""
    verb = ("is firing" if count == 1 else "are firing") if incident.open else "fired and ended"
    what = f"{alerts} {verb}{reach}."
    if not causes:
        return what
    return f"{phrase(causes[0])} {'is' if incident.open else 'was'} the likely cause: {'; '.join(causes[0].evidence)}. {what}"
