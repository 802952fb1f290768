"""Argo CD, Argo Rollouts and KEDA: what their own tools patch in their objects.

https://argo-cd.readthedocs.io/en/stable/user-guide/sync-kubectl/
https://github.com/argoproj/argo-rollouts/tree/master/pkg/kubectl-argo-rollouts/cmd
https://keda.sh/docs/latest/concepts/scaling-deployments/#pausing-autoscaling
"""

from dataclasses import replace
from typing import Any

from bot.kubernetes.actions.order import OF, RUN, Order, Unfit, annotations_of, owned
from bot.kubernetes.actions.patching import Patch, patching, perform_patch, preview_patch
from bot.kubernetes.actions.registry import Action, register
from bot.kubernetes.cluster import FIELD_MANAGER, MERGE_PATCH, Cluster, Request
from bot.kubernetes.progress import Progress
from bot.kubernetes.resources import APPLICATIONS, DEPLOYMENTS, ROLLOUTS, SCALED_OBJECTS

_PAUSED = "autoscaling.keda.sh/paused"
_PAUSED_AT = "autoscaling.keda.sh/paused-replicas"


def _synchronised(order: Order, thing: dict[str, Any]) -> Progress:
    """By the operation that carries the step's name, and no other."""
    state = (thing.get("status") or {}).get("operationState") or {}
    notes = (state.get("operation") or {}).get("info") or []
    if not any(one.get("name") == RUN and one.get("value") == order.key for one in notes):
        return Progress("Argo CD has not begun it yet")
    phase, message = str(state.get("phase", "")), str(state.get("message", ""))
    return Progress(f"{phase}: {message}", done=phase == "Succeeded", failed=phase in ("Failed", "Error"))


def _operation(order: Order, now: dict[str, Any], sync: dict[str, Any]) -> dict[str, Any]:
    if now.get("operation"):
        raise Unfit(f"{order.where.text}: Argo CD is carrying out another operation")
    return {
        "operation": {
            "initiatedBy": {"username": FIELD_MANAGER},
            "info": [{"name": RUN, "value": order.key}],
            "sync": sync,
        }
    }


@patching("sync", APPLICATIONS, look=_synchronised)
async def sync(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    wanted = {"revision": order.revision} if order.revision else {}
    to = f" to {order.revision}" if order.revision else " to the revision that it tracks"
    return Patch(_operation(order, now, wanted), f"Argo CD synchronises {order.where.text}{to}")


@patching("rollback", APPLICATIONS, look=_synchronised)
async def rollback(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    policy = (now.get("spec") or {}).get("syncPolicy") or {}
    if policy.get("automated") is not None and (policy["automated"] or {}).get("enabled", True):
        raise Unfit(f"{order.where.text} synchronises by itself: Argo CD rolls back only what does not")
    history = (now.get("status") or {}).get("history") or []
    target = _deployed(order, history)
    wanted = {"revision": target.get("revision", ""), "syncStrategy": {"apply": {}}}
    if target.get("source"):
        wanted["source"] = target["source"]
    words = f"Argo CD takes {order.where.text} back to deployment {target['id']}, revision {target.get('revision')}"
    return Patch(_operation(order, now, wanted), words)


def _deployed(order: Order, history: list[dict[str, Any]]) -> dict[str, Any]:
    if order.revision is None:
        if len(history) < 2:
            raise Unfit(f"Argo CD knows no earlier deployment of {order.where.text}")
        return history[-2]
    found = next((one for one in history if str(one.get("id")) == order.revision), None)
    if found is None:
        there = ", ".join(str(one.get("id")) for one in history[-10:]) or "none"
        raise Unfit(f"{order.where.text} has no deployment {order.revision}; there are {there}")
    return found


def _at_once(order: Order, thing: dict[str, Any]) -> Progress:
    return Progress("it is set", done=True)


@patching("pause", ROLLOUTS, DEPLOYMENTS, SCALED_OBJECTS, look=_at_once)
async def pause(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    if order.where.resource is not SCALED_OBJECTS:
        return Patch({"spec": {"paused": True}}, f"pause the rollout of {order.where.text}")
    at = order.replicas
    keep = {_PAUSED: "true"} if at is None else {_PAUSED_AT: str(at)}
    words = f"KEDA no longer scales {order.where.text}" + (
        f", which is kept at {at} replicas" if at is not None else ""
    )
    return Patch({"metadata": {"annotations": keep}}, words)


@patching("resume", ROLLOUTS, DEPLOYMENTS, SCALED_OBJECTS, look=_at_once)
async def resume(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    if order.where.resource is not SCALED_OBJECTS:
        return Patch({"spec": {"paused": None}}, f"resume the rollout of {order.where.text}")
    return Patch(
        {"metadata": {"annotations": {_PAUSED: None, _PAUSED_AT: None}}}, f"KEDA scales {order.where.text} again"
    )


def _aborted(order: Order, thing: dict[str, Any]) -> Progress:
    status = thing.get("status") or {}
    return Progress(f"{status.get('phase', '')}: {status.get('message', '')}", done=bool(status.get("abort")))


@patching("abort", ROLLOUTS, look=_aborted)
async def abort(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    words = f"abort the rollout of {order.where.text}: traffic goes back to the stable version"
    return Patch({"status": {"abort": True}}, words, "status")


async def _full(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    words = f"promote {order.where.text} in full: steps and analyses that are left are skipped"
    return Patch({"status": {"promoteFull": True}}, words, "status")


async def _one_step(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    if not _is_paused(now):
        raise Unfit(f"{order.where.text} is not paused: there is nothing to promote (full: true skips all steps)")
    words = f"promote {order.where.text} past step {_step(now)}"
    return Patch({"status": {"pauseConditions": None}}, words, "status")


async def _preview_promotion(cluster: Cluster, order: Order) -> str:
    return await preview_patch(_full if order.full else _one_step, cluster, order)


async def _promote(cluster: Cluster, order: Order) -> str:
    """A rollout may pause again at a later step: the one that is promoted is written down first."""
    if order.full:
        return await perform_patch(_full, _at_once, cluster, order)
    now = await owned(cluster, order)
    noted, step = annotations_of(now), _step(now)
    if noted.get(RUN) == order.key:
        if noted.get(OF) != step or not _is_paused(now):
            return f"{order.where.text} was promoted by this step before: nothing is done twice"
    else:
        await _one_step(cluster, order, now)
        body = {"metadata": {"annotations": {RUN: order.key, OF: step}}}
        await cluster.read(Request("patch", order.where, {"fieldManager": FIELD_MANAGER}, body, MERGE_PATCH))
    unnamed = replace(order, key=f"{order.key}/status", wait=False)
    return await perform_patch(_one_step, _at_once, cluster, unnamed)


def _is_paused(thing: dict[str, Any]) -> bool:
    return bool((thing.get("status") or {}).get("pauseConditions"))


def _step(thing: dict[str, Any]) -> str:
    return str((thing.get("status") or {}).get("currentStepIndex", 0))


register("promote", Action((ROLLOUTS,), _preview_promotion, _promote))
