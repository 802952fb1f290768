"""``kubernetes`` of tandem.yaml: the cluster that is looked at, and whose objects steps may change."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.config.document import Place
from bot.domain.runbook import Runbook
from bot.kubernetes.cluster import Access
from bot.kubernetes.connecting import EXTRA, IN_CLUSTER, installed

_Namespace = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
_OTHERS = 40
"""Connections beside the watches: evidence, steps, lists."""
_WATCHED = 8


class KubernetesSection(BaseModel):
    """A cluster of Kubernetes. Needs the extra `kubernetes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: Annotated[str, Field(min_length=1, max_length=300)] = IN_CLUSTER
    """`in-cluster` (the service account of Tandem's pod), or a context of the kubeconfig that `KUBECONFIG` names."""
    namespaces: Annotated[list[_Namespace], Field(max_length=20)] = []
    """The namespaces that are looked at and changed; default: all."""
    watch: bool = True
    """Whether workloads, services, ingresses and nodes become topology and changes by themselves."""
    evidence: bool = True
    """Whether logs, events and states of pods are looked up when an incident opens."""
    labels: Annotated[dict[str, str], Field(max_length=20)] = {}
    """Labels of what is learnt here, such as `cluster: eu-1`, so that it meets the alerts that carry them."""

    @property
    def access(self) -> Access:
        namespaces = tuple(dict.fromkeys(self.namespaces))
        return Access(self.context, namespaces, _OTHERS + _WATCHED * max(1, len(namespaces)))

    @property
    def problem(self) -> str:
        """What keeps it from working here; empty where nothing does."""
        return "" if installed() else f"the client of Kubernetes is not installed: {EXTRA}"


def problems_of_kubernetes(
    name: str, runbook: Runbook, section: KubernetesSection | None
) -> Iterator[tuple[Place, str]]:
    """Steps in a cluster that is not described, or in a namespace of it that no step may touch."""
    for phase, steps in (("steps", runbook.steps), ("rollback", runbook.rollback)):
        for i, step in enumerate(steps):
            if step.kind != "kubernetes":
                continue
            place: Place = ("runbooks", name, phase, i, "kubernetes")
            namespace = step.parameters.get("namespace")
            elsewhere = isinstance(namespace, str) and "${" not in namespace
            if section is None:
                yield (
                    place,
                    "there is no cluster: describe it, as in `kubernetes: {context: in-cluster, namespaces: [shop]}`",
                )
            elif elsewhere and section.namespaces and namespace not in section.namespaces:
                yield (*place, "namespace"), f"{namespace!r} is none of kubernetes.namespaces"
