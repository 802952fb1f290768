"""The service of an alert: the node of the topology that its labels name, or else the first configured label."""

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import lru_cache

from bot.domain.event import service_of

_LABELS = (
    "service",
    "model",
    "dataset",
    "queue",
    "deployment",
    "statefulset",
    "daemonset",
    "pod",
    "container",
    "instance",
    "host",
    "hostname",
    "node",
)


def service_named_in(labels: Mapping[str, str], service_labels: Sequence[str], topology: Container[str]) -> str:
    """The first label, from the service down to the host, that names a node of the topology.

    An instance is known by its host, and a pod by what it is an instance of.

    >>> service_named_in({"job": "node", "instance": "db-1:9100"}, ["service", "job"], {"db-1"})
    'db-1'
    >>> service_named_in({"pod": "cart-7d9f8b6c5-x2x1z"}, ["service"], {"cart"})
    'cart'
    >>> service_named_in({"job": "node", "instance": "db-1:9100"}, ["service", "job"], set())
    'node'
    """
    for label in _in_order(tuple(service_labels)):
        if value := labels.get(label):
            for name in _names_in(value):
                if name in topology:
                    return name
    return service_of(labels, service_labels)


@lru_cache(maxsize=100)
def _in_order(service_labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*service_labels, *_LABELS)))


def _names_in(value: str) -> Iterator[str]:
    """The value, then without its port, then without what Kubernetes appends to a workload's name."""
    yield value
    name = value.partition(":")[0]
    if name != value:
        yield name
    for _ in range(2):
        name = name.rpartition("-")[0]
        yield name
