"""The cluster of tandem.yaml: what is seen in it teaches the topology, tells of changes, and is evidence."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bot.components.component import Component
from bot.components.process import Process
from bot.components.tools import ROLE as TOOLS
from bot.config.environment import secrets_from
from bot.observability.logs import secret_values
from bot.remediation.executors.masking import masked

if TYPE_CHECKING:
    from bot.kubernetes.cluster import Cluster


def make_cluster(process: Process) -> "Cluster | None":
    """Connected to with the first call: nothing is imported before."""
    section = process.config.kubernetes
    if section is None:
        return None
    from bot.kubernetes.cluster import Cluster  # noqa: PLC0415 - only for who has one

    return Cluster(section.access)


def kubernetes_components(process: Process, cluster: "Cluster") -> Iterator[Component]:
    from bot.integrations.kubernetes.evidence.gathering import Evidence  # noqa: PLC0415 - only for who has a cluster
    from bot.integrations.kubernetes.watching import ClusterWatch  # noqa: PLC0415

    yield Component("connections to Kubernetes", stop=cluster.close)
    section = process.config.kubernetes
    assert section is not None  # or there is no cluster
    if section.watch:
        watch = ClusterWatch(process.services.under(TOOLS), cluster, process.intake.append, section.labels)
        yield Component("watch over Kubernetes", run=watch.run, role=TOOLS)
    if section.evidence:
        services = process.services.under(TOOLS)
        evidence = Evidence(services, cluster, _mask(), services.broadcast.publish_change)
        services.broadcast.on_change(evidence.wake)
        yield Component("evidence from Kubernetes", run=evidence.run, role=TOOLS)


def _mask() -> Callable[[str], str]:
    """Hides our own secrets in what programs of the cluster write to their logs."""
    hidden = [*secrets_from().values(), *secret_values()]
    return lambda text: masked(text, hidden)
