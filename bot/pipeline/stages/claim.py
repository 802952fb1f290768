"""Stage: take the next entries of the partition, in order."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox import offsets
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.stage import stage


@stage(writes={"position", "entries", "more"}, on={Trigger.ENTRIES})
async def claim(batch: Batch, connection: AsyncConnection) -> None:
    batch.position = await offsets.position_of(connection, batch.partition)
    found = await batch.inbox.entries_after(batch.partition, batch.position, batch.size.entries)
    batch.entries = batch.size.fitted(found.entries)
    batch.more = found.more or len(batch.entries) < len(found.entries)
