"""Stage: alerts that name service and host teach where services run, metrics of calls what they call."""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, AlertStatus, SamplesEvent, bounded, domain_of
from bot.domain.host import hosts_of
from bot.domain.service import service_named_in
from bot.pipeline.batch import Batch
from bot.pipeline.learning.service_graph import calls_in
from bot.pipeline.stage import stage
from bot.storage.queries import learnt_edges
from bot.storage.queries.learnt_edges import EdgeKind, LearntEdge

_SCRAPED_BY = "job"


@stage(reads={"entries", "findings", "alerts", "topology"}, writes={"topology"}, after={"watches"})
async def learn_topology(batch: Batch, connection: AsyncConnection) -> None:
    await learnt_edges.learn(connection, batch.partition, _placed(batch), batch.now)
    await learnt_edges.learn(connection, batch.partition, _called(batch), batch.now, kind=EdgeKind.CALLS)
    batch.topology = batch.topology.joined(await learnt_around(batch, connection))


def _placed(batch: Batch) -> set[LearntEdge]:
    rules = batch.rules.correlation
    return {
        LearntEdge(domain_of(event.labels, rules.partition_by), service, host)
        for event in _alerts(batch)
        if event.status is AlertStatus.FIRING
        for service, host in taught_by(event.labels, rules.service_labels, batch.topology)
    }


def _called(batch: Batch) -> set[LearntEdge]:
    calls = (
        LearntEdge(domain_of(event.labels, batch.rules.correlation.partition_by), client, server)
        for _, event in batch.events()
        if isinstance(event, SamplesEvent)
        for client, server in calls_in(event)
    )
    return set(islice(calls, learnt_edges.MOST))


async def learnt_around(batch: Batch, connection: AsyncConnection) -> dict[str, list[str]]:
    """What services depend on, as was learnt, around all services and hosts of the batch.

    They are those of what came in and those of what a tick has brought back.
    """
    rules = batch.rules.correlation
    domains: set[str] = set()
    names: set[str] = set()
    for event in _alerts(batch):
        domains.add(domain_of(event.labels, rules.partition_by))
        names.update(hosts_of(event.labels))
        names.add(service_named_in(event.labels, rules.service_labels, batch.topology))
        names.update(bounded(event.labels[label]) for label in rules.service_labels if event.labels.get(label))
    for alert in batch.alerts.values():
        domains.add(alert.domain)
        names.update((alert.service, *hosts_of(alert.labels)))
    return await learnt_edges.learnt_edges(connection, domains, names, batch.now)


def taught_by(
    labels: Mapping[str, str], service_labels: Sequence[str], topology: Container[str]
) -> Iterator[tuple[str, str]]:
    """A service, and each host of which the labels say that it runs there.

    A job often names what scrapes, and that runs everywhere: a service that only its job names teaches nothing, unless
    the topology knows it. What is named like the service with something behind it is the service's own instance.

    >>> list(taught_by({"service": "cart", "instance": "db-1:80"}, ["service", "job"], set()))
    [('cart', 'db-1')]
    >>> list(taught_by({"job": "node", "instance": "db-1:9100"}, ["service", "job"], set()))
    []
    >>> list(taught_by({"service": "redis", "instance": "redis-0:9121"}, ["service", "job"], set()))
    []
    """
    named_by = next((label for label in service_labels if labels.get(label)), _SCRAPED_BY)
    if named_by != _SCRAPED_BY:
        service = bounded(labels[named_by])
    else:
        service = service_named_in(labels, service_labels, topology)
        if service not in topology:
            return
    yield from ((service, host) for host in hosts_of(labels) if not f"{host}-".startswith(f"{service}-"))


def _alerts(batch: Batch) -> Iterator[AlertEvent]:
    return (event for _, event in batch.alert_events() if isinstance(event, AlertEvent))
