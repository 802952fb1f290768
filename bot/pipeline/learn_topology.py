"""Stage: an alert that names its service and its host teaches that the one runs on the other."""

from collections.abc import Container, Iterator, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, AlertStatus, bounded, domain_of
from bot.domain.host import hosts_of
from bot.pipeline.batch import Batch
from bot.pipeline.place import place_of
from bot.storage import learnt_edges
from bot.storage.learnt_edges import LearntEdge

_SCRAPED_BY = "job"


async def learn_topology(batch: Batch, connection: AsyncConnection) -> None:
    rules = batch.rules.correlation
    edges = {
        LearntEdge(domain_of(event.labels, rules.partition_by), service, host)
        for event in _alerts(batch)
        if event.status is AlertStatus.FIRING
        for service, host in taught_by(event.labels, rules.service_labels, batch.topology)
    }
    await learnt_edges.learn(connection, batch.partition, edges, batch.now)
    batch.topology = batch.topology.joined(await learnt_around(batch, connection))


async def learnt_around(batch: Batch, connection: AsyncConnection) -> dict[str, list[str]]:
    """What services depend on, as alerts have taught it, around all services and hosts of the batch."""
    rules = batch.rules.correlation
    domains: set[str] = set()
    names: set[str] = set()
    for event in _alerts(batch):
        domains.add(domain_of(event.labels, rules.partition_by))
        names.update(hosts_of(event.labels))
        names.add(place_of(event.labels, rules.service_labels, batch.topology))
        names.update(bounded(event.labels[label]) for label in rules.service_labels if event.labels.get(label))
    return await learnt_edges.learnt_edges(connection, domains, names, batch.now)


def taught_by(
    labels: Mapping[str, str], service_labels: Sequence[str], topology: Container[str]
) -> Iterator[tuple[str, str]]:
    """A service, and each host of which the labels say that it runs there.

    A job often names what scrapes, and that runs everywhere: a service that only its job names teaches nothing, unless
    the topology knows it.

    >>> list(taught_by({"service": "cart", "instance": "db-1:80"}, ["service", "job"], set()))
    [('cart', 'db-1')]
    >>> list(taught_by({"job": "node", "instance": "db-1:9100"}, ["service", "job"], set()))
    []
    """
    named_by = next((label for label in service_labels if labels.get(label)), _SCRAPED_BY)
    if named_by != _SCRAPED_BY:
        service = bounded(labels[named_by])
    else:
        service = place_of(labels, service_labels, topology)
        if service not in topology:
            return
    yield from ((service, host) for host in hosts_of(labels) if host != service)


def _alerts(batch: Batch) -> Iterator[AlertEvent]:
    return (event for _, event in batch.alert_events() if isinstance(event, AlertEvent))
