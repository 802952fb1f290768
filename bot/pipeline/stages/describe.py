"""Stage: title and summary of each touched incident, from its alerts, what is folded and its likely cause."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.incidents.description import described
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage


@stage(reads={"touched", "merged", "incidents", "tallies", "topology"}, writes={"incidents"}, after={"explain"})
async def describe(batch: Batch, connection: AsyncConnection) -> None:
    for incident in batch.touched_incidents():
        batch.incidents[incident.id] = described(incident, batch.tallies[incident.id], batch.topology)
