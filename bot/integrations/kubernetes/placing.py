"""Where workloads run: pods are listed a page at a time, and of each only its workload and its node is kept."""

import asyncio
from collections.abc import Iterable

from bot.integrations.kubernetes.topology import Edge
from bot.kubernetes.cluster import Cluster
from bot.kubernetes.objects import Meta, Pod
from bot.kubernetes.pages import pages
from bot.kubernetes.resources import PODS, Where

MOST_NODES = 30
"""A service that runs on more nodes runs nearly everywhere, which tells nothing."""
MOST = 5000
_HASH = "pod-template-hash"


async def places(cluster: Cluster, namespaces: Iterable[str]) -> set[Edge]:
    """Workloads and the nodes that they run on. Raises ClusterFailure, ClusterRefused, ClusterGone."""
    found: dict[tuple[str, str], set[str]] = {}
    for namespace in namespaces:
        async for page in pages(cluster, Where(PODS, namespace), Pod):
            for pod in page.items or []:
                workload, node = workload_of(pod.metadata), pod.spec.node_name
                nodes = found.setdefault((pod.metadata.namespace, workload), set()) if workload and node else set()
                if len(nodes) <= MOST_NODES:
                    nodes.add(node)
            await asyncio.sleep(0)
    edges = (
        Edge(namespace, workload, node)
        for (namespace, workload), nodes in sorted(found.items())
        if len(nodes) <= MOST_NODES
        for node in sorted(nodes)
        if node != workload
    )
    return {edge for _, edge in zip(range(MOST), edges, strict=False)}


def workload_of(meta: Meta) -> str:
    """By its label or its annotation, else the name of what made it; a pod that nobody made is nobody's."""
    if meta.service != meta.name:
        return meta.service
    owner = next((one for one in meta.owner_references or [] if one.controller), None)
    if owner is None or owner.kind == "Node":
        return ""
    made = (meta.labels or {}).get(_HASH)
    return owner.name.removesuffix(f"-{made}") if made and owner.kind == "ReplicaSet" else owner.name
