"""The autoscaler of a workload, and within which bounds it keeps it."""

from typing import NamedTuple

from bot.kubernetes.cluster import Cluster
from bot.kubernetes.errors import ClusterRefused
from bot.kubernetes.pages import all_of
from bot.kubernetes.resources import AUTOSCALERS, Where


class Bounds(NamedTuple):
    name: str
    least: int
    most: int


async def bounds_of(cluster: Cluster, where: Where) -> Bounds | None:
    """Of the HorizontalPodAutoscaler that scales a workload; KEDA makes one, too. None where there is none."""
    try:
        async for one in all_of(cluster, Where(AUTOSCALERS, where.namespace)):
            spec = one.get("spec") or {}
            target = spec.get("scaleTargetRef") or {}
            if (target.get("kind"), target.get("name")) == (where.resource.kind, where.name):
                return Bounds(one["metadata"]["name"], spec.get("minReplicas") or 1, spec.get("maxReplicas") or 1)
    except ClusterRefused as refused:
        if refused.status != 404:
            raise
    return None
