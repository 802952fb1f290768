"""Stage: the topology holds what was learnt around all services of the incidents that this batch touched.

What their alerts taught may have come in long before this batch, and the cause is looked for among all of them.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import learnt_edges


@stage(reads={"touched", "merged", "incidents", "topology"}, writes={"topology"}, after={"update_status"})
async def learn_around_incidents(batch: Batch, connection: AsyncConnection) -> None:
    around = [incident for incident in batch.touched_incidents() if incident.open]
    names = {service for incident in around for service in incident.services}
    learnt = await learnt_edges.learnt_edges(connection, {one.domain for one in around}, names, batch.now)
    if any(other not in batch.topology.dependencies(one) for one, others in learnt.items() for other in others):
        batch.topology = batch.topology.joined(learnt)
