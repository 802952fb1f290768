"""Stage: store changes, for the search for causes."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import change_from
from bot.domain.event import ChangeEvent, domain_of
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.stage import stage
from bot.storage.queries import changes


@stage(reads={"entries"}, after={"claim"}, on={Trigger.ENTRIES})
async def note_changes(batch: Batch, connection: AsyncConnection) -> None:
    partition_by = batch.rules.correlation.partition_by
    reported = [event for _, event in batch.events() if isinstance(event, ChangeEvent)]
    await changes.save(connection, [change_from(event, domain_of(event.labels, partition_by)) for event in reported])
