"""Stage: write the rest and move the offset, in the transaction that all stages share."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox import offsets
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import incidents, runs


@stage(reads={"position", "entries", "touched", "incidents", "changed_keys", "timeline", "runs"}, after={"propose"})
async def commit(batch: Batch, connection: AsyncConnection) -> None:
    touched = [batch.incidents[incident_id] for incident_id in sorted(batch.touched)]
    await incidents.save(connection, touched, batch.changed_keys)
    await incidents.add_to_timeline(connection, batch.timeline)
    await runs.save(connection, batch.runs)
    if batch.entries:
        await offsets.advance(connection, batch.partition, batch.position, batch.entries[-1].seq)
