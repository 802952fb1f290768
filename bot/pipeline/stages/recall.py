"""Stage: find past incidents like the open ones, and what helped then; remember resolved ones."""

from collections import Counter

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineKind
from bot.domain.memory import ALIKE, MOST, PastIncident, likeness, traits_of
from bot.pipeline.batch import Batch
from bot.pipeline.learning.co_occurrence import learn_co_occurrence
from bot.pipeline.stage import stage
from bot.storage.queries import incidents, memory


@stage(
    reads={"alerts", "observed", "touched", "merged", "incidents", "tallies", "timeline", "topology", "changed_keys"},
    writes={"incidents", "timeline"},
    after={"describe"},
)
async def recall(batch: Batch, connection: AsyncConnection) -> None:
    touched = batch.touched_incidents()
    news = _with_news(batch)
    over = {incident.id: (incident.domain, _traits(batch, incident)) for incident in touched if not incident.open}
    for incident in touched:
        if incident.open and incident.id in news:
            await _look_back(batch, incident, connection)
    new = await memory.remember(connection, over) if over else ()
    await learn_co_occurrence(batch, [batch.incidents[incident_id] for incident_id in sorted(new)], connection)


def _with_news(batch: Batch) -> set[str | None]:
    """The incidents with something to compare: an alert of another kind, another cause. What ends is nothing new."""
    caused = {entry.incident_id for entry in batch.timeline if entry.kind is TimelineKind.CAUSE}
    return _with_other_kinds(batch) | caused | set(batch.merged.values())


def _with_other_kinds(batch: Batch) -> set[str | None]:
    """The incidents in which alerts began that are the first of their service and name there."""
    began = Counter(
        (alert.incident_id, alert.service, alert.name)
        for observation in batch.began_to_fire()
        for alert in [batch.alerts[observation.identity]]
    )
    known = Counter[tuple[str | None, str, str]]()
    for incident_id in batch.touched:
        for tally in batch.tallies.get(incident_id, ()):
            known[incident_id, tally.service, tally.name] += tally.alerts
    return {kind[0] for kind, count in began.items() if known[kind] <= count}


def _traits(batch: Batch, incident: Incident) -> frozenset[str]:
    return traits_of([(tally.service, tally.name) for tally in batch.tallies[incident.id]], incident.causes)


async def _look_back(batch: Batch, incident: Incident, connection: AsyncConnection) -> None:
    if traits := _traits(batch, incident):
        past = await _alike(batch, incident, traits, connection)
        _note_likest(batch, incident, past)
        batch.incidents[incident.id] = msgspec.structs.replace(incident, past=past)


async def _alike(
    batch: Batch, incident: Incident, traits: frozenset[str], connection: AsyncConnection
) -> list[PastIncident]:
    found = await memory.alike(connection, incident.domain, traits)
    scores = {one.incident_id: likeness(one.shared, len(traits), one.traits) for one in found}
    scores.pop(incident.id, None)
    known = await incidents.by_ids(connection, [one for one, score in scores.items() if score >= ALIKE])
    resolved = [one for one in known.values() if one.resolved_at is not None]
    resolved.sort(key=lambda one: (-scores[one.id], -one.number))
    nearest = resolved[:MOST]
    helped = await memory.that_helped(connection, [one.id for one in nearest])
    return [
        PastIncident(
            number=one.number,
            likeness=round(scores[one.id], 2),
            opened_at=one.opened_at,
            resolved_at=one.resolved_at,
            helped=helped[one.id],
            helped_titles=[_title_of(batch, runbook) for runbook in helped[one.id]],
        )
        for one in nearest
        if one.resolved_at is not None
    ]


def _title_of(batch: Batch, runbook: str) -> str:
    known = batch.rules.runbooks.get(runbook)
    return known.title if known else runbook


def _note_likest(batch: Batch, incident: Incident, past: list[PastIncident]) -> None:
    """Note the likest where it is another one than before."""
    before = incident.past[0].number if incident.past else None
    if past and past[0].number != before:
        batch.note(incident.id, TimelineKind.NOTE, f"Seen before: {past[0].in_words(batch.now)}")
