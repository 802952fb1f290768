"""On a tick of the metrics' watch: young incidents of which metrics say more now than when they were explained.

An alert may come before the metrics that tell why. Once a minute, for five minutes, the metrics are asked again; only
where they name another cause than is said, the incident is explained anew.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.pipeline.batch import Batch
from bot.storage.queries import alerts, incidents, learnt_edges


async def look_again(batch: Batch, connection: AsyncConnection) -> None:
    histories = batch.histories
    waiting = histories.to_look_at(batch.now) if histories else []
    if histories is None or not waiting:
        return
    from bot.pipeline.causes.metrics import opinion_on

    found = {one.id: one for one in (await incidents.by_ids(connection, waiting, lock=True)).values() if one.open}
    tallies = await alerts.tallies_of(connection, found)
    domains, services = (
        {one.domain for one in found.values()},
        {name for one in found.values() for name in one.services},
    )
    topology = batch.topology.joined(await learnt_edges.learnt_edges(connection, domains, services, batch.now))
    for incident in found.values():
        opinion = opinion_on(histories, incident, tallies[incident.id], topology, batch.now)
        if opinion and opinion.findings and opinion.findings[0].service != _named(incident):
            batch.incidents[incident.id] = incident
            batch.touched.add(incident.id)


def _named(incident: Incident) -> str:
    return incident.causes[0].service if incident.causes else ""
