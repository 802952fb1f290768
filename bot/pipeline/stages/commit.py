"""Stage: write the rest and move the offset, in the transaction that all stages share.

Last comes what all partitions and replicas share, so that they wait for each other for as short as can be: the numbers
of incidents, then the places in the audit log, in this order everywhere.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.inbox import offsets
from bot.pipeline.batch import Batch
from bot.pipeline.numbering import number_opened
from bot.pipeline.stage import stage
from bot.storage.queries import audit, incidents, runs


@stage(
    reads={"position", "entries", "opened", "touched", "incidents", "changed_keys", "timeline", "runs", "audit"},
    writes={"incidents"},
    after={"propose"},
)
async def commit(batch: Batch, connection: AsyncConnection) -> None:
    touched = sorted(batch.touched)
    await incidents.save_keys(connection, [batch.incidents[one] for one in touched], batch.changed_keys)
    await incidents.add_to_timeline(connection, batch.timeline, locked=batch.incidents)
    await runs.save(connection, batch.runs)
    if batch.entries:
        await offsets.advance(connection, batch.partition, batch.position, batch.entries[-1].seq)
    await number_opened(batch, connection)
    await incidents.save_rows(connection, [batch.incidents[one] for one in touched])
    await audit.append(connection, *batch.audit)
