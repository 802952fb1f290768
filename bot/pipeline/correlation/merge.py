"""Late evidence makes two incidents one: the older keeps its number, and the timelines of both say so."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineKind, ended_in, taken_in
from bot.domain.run import RunStatus
from bot.pipeline.batch import Batch
from bot.storage.queries import alerts, runs


async def merge(batch: Batch, wanted: Mapping[str, str], connection: AsyncConnection) -> None:
    """Merge incidents, given as the one that ends to the one that goes on.

    One in which a run is under way goes on by itself: its verification watches its alerts.
    """
    staying = await busy(wanted, connection)
    for gone, kept in wanted.items():
        if gone not in staying:
            await _merge(batch, batch.incidents[gone], batch.incidents[kept], connection)


async def busy(incident_ids: Collection[str], connection: AsyncConnection) -> set[str]:
    """The incidents in which a run is under way."""
    known = await runs.of_incidents(connection, incident_ids) if incident_ids else {}
    under_way = (run for found in known.values() for run in found if run.status is not RunStatus.PROPOSED)
    return {run.incident_id for run in under_way if not run.status.ended}


async def _merge(batch: Batch, gone: Incident, kept: Incident, connection: AsyncConnection) -> None:
    await alerts.move(connection, gone.id, kept.id)
    for identity, alert in batch.alerts.items():
        if alert.incident_id == gone.id:
            batch.alerts[identity] = msgspec.structs.replace(alert, incident_id=kept.id)
    for key, (first, last) in batch.heard.pop(gone.id, {}).items():
        batch.hear(kept.id, key, first, last)
    batch.incidents[kept.id] = taken_in(kept, gone)
    batch.incidents[gone.id] = ended_in(gone, kept, batch.now)
    batch.merged[gone.id] = kept.id
    batch.touched |= {gone.id, kept.id}
    batch.note(gone.id, TimelineKind.STATUS, f"Became part of incident #{kept.number}: they have one cause")
    batch.note(kept.id, TimelineKind.STATUS, f"Took in incident #{gone.number}: they have one cause")
