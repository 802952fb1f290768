"""Stage: write the rest and move the offset, in the transaction that all stages share."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox import offsets
from bot.pipeline.batch import Batch
from bot.storage.queries import incidents, runs


async def commit(batch: Batch, connection: AsyncConnection) -> None:
    touched = [batch.incidents[incident_id] for incident_id in sorted(batch.touched)]
    await incidents.save(connection, touched, batch.keys)
    await incidents.add_to_timeline(connection, batch.timeline)
    await runs.save(connection, batch.runs)
    if batch.entries:
        await offsets.advance(connection, batch.partition, batch.position, batch.entries[-1].seq)
