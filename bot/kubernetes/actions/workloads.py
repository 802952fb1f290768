"""What is done to workloads: restart, go back to a revision, scale, patch declared fields."""

from datetime import UTC, datetime
from typing import Any

from bot.kubernetes.actions.order import RESTARTED_AT, RUN, Order, Unfit
from bot.kubernetes.actions.patching import Patch, patching
from bot.kubernetes.actions.revisions import revision_to_undo
from bot.kubernetes.autoscalers import bounds_of
from bot.kubernetes.cluster import Cluster
from bot.kubernetes.differences import merge_patch
from bot.kubernetes.fields import parts_of, with_field
from bot.kubernetes.resources import (
    APPLICATIONS,
    AUTOSCALERS,
    DAEMON_SETS,
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    ROLLOUTS,
    SCALED_OBJECTS,
    STATEFUL_SETS,
)

_OPEN = ("spec.", "metadata.annotations", "metadata.labels")
"""Where fields that may be patched begin: not what an object is called, and not what its controller says of it."""


@patching("restart", DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, ROLLOUTS)
async def restart(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = f"restart {order.where.text}: its pods are replaced one after another"
    if order.where.resource is ROLLOUTS:  # https://argo-rollouts.readthedocs.io/en/stable/features/restart/
        return Patch({"spec": {"restartAt": at}}, words)
    annotations = {RESTARTED_AT: at, RUN: order.key}
    return Patch({"spec": {"template": {"metadata": {"annotations": annotations}}}}, words)


@patching("undo", DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
async def undo(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    before, target = await revision_to_undo(cluster, order, now)
    template = now["spec"]["template"]
    changed = merge_patch(template, target.template)
    if not changed:
        raise Unfit(f"revision {target.number} of {order.where.text} is what runs already")
    words = f"{order.where.text} goes back from revision {before.number} ({before.images}) to {target.number}"
    return Patch({"spec": {"template": changed}}, f"{words} ({target.images})")


@patching("scale", DEPLOYMENTS, STATEFUL_SETS, ROLLOUTS)
async def scale(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    wanted, before = order.replicas, now["spec"].get("replicas", 1)
    if wanted is None:
        raise Unfit("scale needs replicas")
    words = f"scale {order.where.text} from {before} to {wanted} replicas"
    if bounds := await bounds_of(cluster, order.where):
        if not bounds.least <= wanted <= bounds.most:
            why = f"its autoscaler {bounds.name} keeps it between {bounds.least} and {bounds.most} replicas"
            raise Unfit(f"{order.where.text} is not scaled to {wanted}: {why}; patch hpa/{bounds.name} instead")
        words += f" (its autoscaler {bounds.name} may scale it again, {bounds.least} to {bounds.most})"
    return Patch({"spec": {"replicas": wanted}}, words)


_PATCHED = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, AUTOSCALERS, ROLLOUTS, SCALED_OBJECTS, APPLICATIONS)


@patching("patch", *_PATCHED, INFERENCE_SERVICES)
async def patch(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch:
    wanted = now
    for path, value in order.fields.items():
        try:
            wanted = with_field(wanted, parts_of(path), value)
        except ValueError as error:
            raise Unfit(f"{path}: {error}") from error
    words = f"set {', '.join(order.fields)} of {order.where.text}"
    return Patch(merge_patch(now, wanted), words)


def check_fields(fields: dict[str, Any]) -> None:
    """Raises ValueError where a path is none, or leads to what no step may patch."""
    for path in fields:
        parts_of(path)
        if not path.startswith(_OPEN):
            raise ValueError(f"{path}: only what is in spec, and labels and annotations, may be patched")
