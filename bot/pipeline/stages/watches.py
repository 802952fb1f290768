"""Stage: the watches turn samples, log lines, model data and heartbeats into alerts, and their absence too."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Unasked
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.stage import stage


@stage(
    reads={"position", "entries"},
    writes={"findings", "histories", "incidents", "touched"},
    after={"note_changes", "keep_rows", "due"},
)
async def watches(batch: Batch, connection: AsyncConnection) -> None:
    for watch in batch.watches:
        if batch.trigger is Trigger.TICK:
            await watch.tick(batch, connection)
        else:
            await watch.take(batch, connection)
    if batch.asks and batch.rules.enrichment.has_unasked(batch.findings):
        raise Unasked(batch.findings)
    batch.findings = batch.rules.enrichment.of_alerts(batch.findings)
