"""Stage: the topology holds what was learnt around all services of the incidents that this batch touched.

What their alerts taught may have come in long before this batch, and the cause is looked for among all of them.
"""

from collections.abc import Set

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import learnt_edges


@stage(
    reads={"touched", "merged", "incidents", "topology", "looked_around"}, writes={"topology"}, after={"update_status"}
)
async def learn_around_incidents(batch: Batch, connection: AsyncConnection) -> None:
    around = [incident for incident in batch.touched_incidents() if incident.open]
    domains = {one.domain for one in around}
    names = {service for incident in around for service in incident.services} - _known_around(batch, domains)
    learnt = await learnt_edges.learnt_edges(connection, domains, names, batch.now)
    if any(other not in batch.topology.dependencies(one) for one, others in learnt.items() for other in others):
        batch.topology = batch.topology.joined(learnt)


def _known_around(batch: Batch, domains: Set[str]) -> Set[str]:
    """The names around which the topology has all that was learnt in just these domains. In more of them, more services
    are seen nearly everywhere."""
    looked_in, names = batch.looked_around
    return names if looked_in == domains else frozenset()
