"""Nodes: cordon, uncordon, drain.

https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from bot.kubernetes.actions.order import Order, Unfit
from bot.kubernetes.actions.patching import Patch, patching, perform_patch, preview_patch
from bot.kubernetes.actions.registry import Action, register
from bot.kubernetes.cluster import Cluster, Request
from bot.kubernetes.errors import ClusterFailure, ClusterRefused
from bot.kubernetes.pages import all_of
from bot.kubernetes.progress import Progress
from bot.kubernetes.resources import NODES, PODS, Where

_MIRROR = "kubernetes.io/config.mirror"
_OVER = ("Succeeded", "Failed")


def _at_once(order: Order, thing: dict[str, Any]) -> Progress:
    cordoned = bool((thing.get("spec") or {}).get("unschedulable"))
    return Progress("no pod is scheduled there" if cordoned else "pods may be scheduled there", done=True)


@patching("cordon", NODES, look=_at_once)
async def cordon(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    return Patch({"spec": {"unschedulable": True}}, f"cordon {order.where.text}: no pod is scheduled there any more")


@patching("uncordon", NODES, look=_at_once)
async def uncordon(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    return Patch({"spec": {"unschedulable": None}}, f"uncordon {order.where.text}: pods may be scheduled there again")


async def _preview_drain(cluster: Cluster, order: Order) -> str:
    cordoned = await preview_patch(cordon, cluster, order)
    pods = await _evicted(cluster, order)
    held = [pod for pod in pods if await _evict(cluster, pod, dry=True)]
    lines = [cordoned, f"evict {len(pods)} pods: {_names(pods)}"]
    return "\n".join([*lines, *([f"held up by a disruption budget now: {_names(held)}"] if held else [])])


async def _drain(cluster: Cluster, order: Order) -> str:
    pods = await _evicted(cluster, order)  # before anything is changed: what may not be evicted is found here
    said = await perform_patch(cordon, _at_once, cluster, order)
    left = pods
    try:
        async with asyncio.timeout_at(order.deadline):
            while left:
                left = await _round(cluster, order, left)
    except TimeoutError as error:
        why = "a disruption budget may hold them, or they take long to end"
        raise Unfit(
            f"{said}\n{len(left)} pods are still there after {order.timeout:g} s: {_names(left)}; {why}"
        ) from error
    return f"{said}\n{len(pods)} pods were evicted"


async def _round(cluster: Cluster, order: Order, pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask for the eviction of each; what is still there a moment later. A server in trouble is asked again."""
    try:
        for pod in pods:
            await _evict(cluster, pod, dry=False)
        await asyncio.sleep(order.poll)
        return await _evicted(cluster, order)
    except ClusterFailure as failure:
        await asyncio.sleep(failure.retry_after or order.poll)
        return pods


async def _evicted(cluster: Cluster, order: Order) -> list[dict[str, Any]]:
    """The pods that have to go. Raises Unfit where one would be lost for good."""
    there = [
        pod
        async for pod in all_of(cluster, Where(PODS), {"fieldSelector": f"spec.nodeName={order.where.name}"})
        if _has_to_go(pod)
    ]
    if problems := [why for pod in there for why in _lost(pod, order)]:
        raise Unfit(f"{order.where.text} is not drained: {'; '.join(problems[:5])}")
    return there


def _has_to_go(pod: dict[str, Any]) -> bool:
    meta = pod["metadata"]
    stays = _MIRROR in (meta.get("annotations") or {}) or any(
        one.get("kind") == "DaemonSet" for one in meta.get("ownerReferences") or []
    )
    return not stays and (pod.get("status") or {}).get("phase") not in _OVER


def _lost(pod: dict[str, Any], order: Order) -> Iterator[str]:
    meta = pod["metadata"]
    if not any(one.get("controller") for one in meta.get("ownerReferences") or []):
        yield f"pod {meta['name']} has no controller: nothing would make it anew"
    if not order.delete_emptydir and any("emptyDir" in one for one in (pod.get("spec") or {}).get("volumes") or []):
        yield f"pod {meta['name']} has data in an emptyDir: write delete_emptydir: true if it may be lost"


async def _evict(cluster: Cluster, pod: dict[str, Any], *, dry: bool) -> bool:
    """Ask for its eviction; whether a disruption budget holds it up."""
    meta = pod["metadata"]
    if meta.get("deletionTimestamp"):
        return False
    options = {"preconditions": {"uid": meta["uid"]}} | ({"dryRun": ["All"]} if dry else {})
    named = {"name": meta["name"], "namespace": meta["namespace"]}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": named, "deleteOptions": options}
    query = {"dryRun": "All"} if dry else {}
    try:
        await cluster.call(Request("create", Where(PODS, meta["namespace"], meta["name"], "eviction"), query, body))
    except ClusterFailure as failure:
        if failure.status != 429:
            raise
        return True
    except ClusterRefused as refused:
        if refused.status not in (404, 409):
            raise
    return False


def _names(pods: list[dict[str, Any]]) -> str:
    named = [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods]
    return ", ".join(named[:10]) + (f" and {len(named) - 10} more" if len(named) > 10 else "") or "none"


register("drain", Action((NODES,), _preview_drain, _drain))
