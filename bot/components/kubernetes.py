"""The cluster of tandem.yaml: what is seen in it teaches the topology, tells of changes, and is evidence."""

from collections.abc import Iterator

from bot.components.component import Component
from bot.components.process import Process
from bot.components.tools import ROLE as TOOLS
from bot.integrations.kubernetes.watching import ClusterWatch
from bot.kubernetes.cluster import Cluster


def make_cluster(process: Process) -> Cluster | None:
    """Connected to with the first call: nothing is imported before."""
    section = process.config.kubernetes
    return Cluster(section.access) if section else None


def kubernetes_components(process: Process, cluster: Cluster) -> Iterator[Component]:
    yield Component("connections to Kubernetes", stop=cluster.close)
    section = process.config.kubernetes
    assert section is not None  # or there is no cluster
    if section.watch:
        watch = ClusterWatch(process.services.under(TOOLS), cluster, process.intake.append, section.labels)
        yield Component("watch over Kubernetes", run=watch.run, role=TOOLS)
