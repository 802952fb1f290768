"""Deleting a pod: only one that its controller replaces, and only that very one."""

import asyncio
from typing import Any

from bot.kubernetes.actions.order import OF, RUN, Order, Unfit, annotations_of, check_owner
from bot.kubernetes.actions.registry import Action, register
from bot.kubernetes.cluster import FIELD_MANAGER, MERGE_PATCH, Cluster, Request
from bot.kubernetes.errors import ClusterFailure, ClusterRefused
from bot.kubernetes.resources import PODS, STATEFUL_SETS, Where

_GONE = "it is gone"


async def _found(cluster: Cluster, where: Where) -> dict[str, Any] | None:
    try:
        return await cluster.read(Request("get", where))
    except ClusterRefused as refused:
        if refused.status == 404:
            return None
        raise


async def _preview(cluster: Cluster, order: Order) -> str:
    pod = await _found(cluster, order.where)
    if pod is None:
        raise Unfit(f"there is no {order.where.text}")
    owner = _controller_of(pod, order)
    await _delete(cluster, order.where, pod["metadata"]["uid"], dry=True)
    return f"delete {order.where.text}; {owner['kind']} {owner['name']} makes another"


async def _perform(cluster: Cluster, order: Order) -> str:
    pod = await _found(cluster, order.where)
    if pod is None:
        return f"{order.where.text}: {_GONE}"  # also where this step was interrupted after it: names are not used twice
    owner, uid = _controller_of(pod, order), pod["metadata"]["uid"]
    if owner["kind"] == STATEFUL_SETS.kind and await _was_another(cluster, order, owner["name"], uid):
        return f"{order.where.text} was deleted by this step before, and made anew: nothing is done twice"
    await _delete(cluster, order.where, uid, dry=True)
    await _delete(cluster, order.where, uid, dry=False)
    if order.wait:
        await _gone(cluster, order, uid)
    return f"{order.where.text} was deleted; {owner['kind']} {owner['name']} makes another"


def _controller_of(pod: dict[str, Any], order: Order) -> dict[str, Any]:
    check_owner(pod, order)
    owners = pod["metadata"].get("ownerReferences") or []
    controller = next((one for one in owners if one.get("controller")), None)
    if controller is None:
        raise Unfit(f"{order.where.text} has no controller: nothing would make it anew")
    found: dict[str, Any] = controller
    return found


async def _was_another(cluster: Cluster, order: Order, owner: str, uid: str) -> bool:
    """Whether this step has deleted a pod of the same name before. A StatefulSet makes them anew under their old name,
    so that the one to be deleted is written down there first."""
    where = Where(STATEFUL_SETS, order.where.namespace, owner)
    noted = annotations_of(await cluster.read(Request("get", where)))
    if noted.get(RUN) == order.key:
        return noted.get(OF) != uid
    body = {"metadata": {"annotations": {RUN: order.key, OF: uid}}}
    await cluster.read(Request("patch", where, {"fieldManager": FIELD_MANAGER}, body, MERGE_PATCH))
    return False


async def _delete(cluster: Cluster, where: Where, uid: str, *, dry: bool) -> None:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
    query = {"dryRun": "All"} if dry else {}
    try:
        await cluster.call(Request("delete", where, query, options | ({"dryRun": ["All"]} if dry else {})))
    except ClusterRefused as refused:
        if refused.status not in (404, 409):  # gone meanwhile, or another one of that name
            raise


async def _gone(cluster: Cluster, order: Order, uid: str) -> None:
    try:
        async with asyncio.timeout_at(order.deadline):
            while True:
                try:
                    pod = await _found(cluster, order.where)
                    if pod is None or pod["metadata"]["uid"] != uid:
                        return
                except ClusterFailure as failure:
                    await asyncio.sleep(failure.retry_after or 0)
                await asyncio.sleep(order.poll)
    except TimeoutError as error:
        raise Unfit(f"{order.where.text} is still there after {order.timeout:g} s") from error


register("delete_pod", Action((PODS,), _preview, _perform))
