"""Stage: alerts that name service and host teach where services run; metrics, spans and lineage what they call."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, AlertStatus, EdgesEvent, SamplesEvent, domain_of
from bot.domain.host import hosts_of
from bot.domain.naming import About
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.learning.service_graph import calls_in
from bot.pipeline.stage import stage
from bot.storage.queries import learnt_edges
from bot.storage.queries.learnt_edges import EdgeKind, LearntEdge

_SELDOM_KEPT = timedelta(days=35)
"""What a monthly job teaches is known until it runs again."""


@stage(
    reads={"entries", "findings", "alerts", "observed", "touched", "topology"},
    writes={"topology", "looked_around"},
    after={"dedupe"},
)
async def learn_topology(batch: Batch, connection: AsyncConnection) -> None:
    await learnt_edges.learn(connection, batch.partition, _placed(batch), batch.now)
    await learnt_edges.learn(connection, batch.partition, _called(batch), batch.now, kind=EdgeKind.CALLS)
    for seldom, kept in ((False, learnt_edges.KEPT), (True, _SELDOM_KEPT)):
        edges = _reported(batch, seldom)
        if edges:
            await learnt_edges.learn(connection, batch.partition, edges, batch.now, kept, EdgeKind.CALLS)
    if _is_news(batch):
        batch.topology = batch.topology.joined(await learnt_around(batch, connection))


def _is_news(batch: Batch) -> bool:
    """Whether anything is to be decided by the topology: most of what comes in says again what is known."""
    return bool(batch.observed or batch.touched) or any(event.acknowledged_by for event in _alerts(batch))


def _placed(batch: Batch) -> set[LearntEdge]:
    rules = batch.rules.correlation
    return {
        LearntEdge(domain_of(event.labels, rules.partition_by), service, host)
        for event in _alerts(batch)
        if event.status is AlertStatus.FIRING
        for service, host in taught_by(batch.about(event.labels))
    }


def _called(batch: Batch) -> set[LearntEdge]:
    calls = (
        LearntEdge(domain_of(event.labels, batch.rules.correlation.partition_by), client, server)
        for _, event in batch.events()
        if isinstance(event, SamplesEvent)
        for client, server in calls_in(event)
    )
    return set(islice(calls, learnt_edges.MOST))


def _reported(batch: Batch, seldom: bool) -> set[LearntEdge]:
    edges = (
        LearntEdge(domain_of(event.labels, batch.rules.correlation.partition_by), service, other)
        for _, event in batch.events()
        if isinstance(event, EdgesEvent) and event.seldom is seldom
        for service, other in event.edges
        if service and other and service != other
    )
    return set(islice(edges, learnt_edges.MOST))


async def learnt_around(batch: Batch, connection: AsyncConnection) -> dict[str, list[str]]:
    """What services depend on, as was learnt, around all services and hosts of the batch.

    They are those of what came in and those of what a tick has brought back.
    """
    rules = batch.rules.correlation
    domains: set[str] = set()
    names: set[str] = set()
    for event in _alerts(batch):
        domains.add(domain_of(event.labels, rules.partition_by))
        about = batch.about(event.labels)
        names.update((about.service, about.workload, *about.hosts))
    for alert in batch.alerts.values() if batch.trigger is Trigger.TICK else ():
        domains.add(alert.domain)
        names.update((alert.service, *hosts_of(alert.labels)))
    found = await learnt_edges.look_around(connection, domains, names, batch.now)
    if found.whole:
        batch.looked_around = domains, names
    return found.edges


def taught_by(about: About) -> Iterator[tuple[str, str]]:
    """The service or workload that the labels name, and each host of which they say that it runs there.

    What is named like the service with something behind it is the service's own instance.

    >>> list(taught_by(About("cart", hosts=("db-1",), workload="cart")))
    [('cart', 'db-1')]
    >>> list(taught_by(About("redis", hosts=("redis-0",), workload="redis")))
    []
    """
    if service := about.workload:
        yield from ((service, host) for host in about.hosts if not f"{host}-".startswith(f"{service}-"))


def _alerts(batch: Batch) -> Iterator[AlertEvent]:
    return (event for _, event in batch.alert_events() if isinstance(event, AlertEvent))
