"""Actions that patch an object: the server's dry run first, then the patch itself, then the wait for the rollout.

The patch holds only for the object as it was read (its resourceVersion), and carries the step's name: where a crash
interrupts the step and it is repeated, it finds its name there and changes nothing. What the patch changed is compared
with what the dry run showed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.kubernetes.actions.order import RESTART_AT, RESTARTED_AT, RUN, Order, Unfit, done_by, owned
from bot.kubernetes.actions.registry import Action, register
from bot.kubernetes.cluster import FIELD_MANAGER, MERGE_PATCH, Cluster, Request
from bot.kubernetes.differences import differences, in_words
from bot.kubernetes.errors import ClusterFailure, ClusterRefused
from bot.kubernetes.progress import Progress, progress_of
from bot.kubernetes.resources import Resource, Where

_CONFLICTS = 5
_MARKS = (f"[{RUN}]", f"[{RESTARTED_AT}]", RESTART_AT)
_DRY = {"dryRun": "All", "fieldManager": FIELD_MANAGER}
_REAL = {"fieldManager": FIELD_MANAGER}


@dataclass(frozen=True)
class Patch:
    """A merge patch of an object, and what it does in words.

    A patch of a ``part`` (the status) cannot carry the step's name: what it sets is the same however often.
    """

    body: dict[str, Any]
    words: str
    part: str = ""


Make = Callable[[Cluster, Order, dict[str, Any]], Awaitable[Patch]]
"""From the object as it is now. Raises Unfit."""
Look = Callable[[Order, dict[str, Any]], Progress]


def _rollout(order: Order, thing: dict[str, Any]) -> Progress:
    return progress_of(order.where.resource.kind, thing)


def patching(name: str, *kinds: Resource, look: Look = _rollout) -> Callable[[Make], Make]:
    """Register an action that is one patch; ``look`` says when its effect is there."""

    def decorate(make: Make) -> Make:
        register(name, Action(kinds, partial(preview_patch, make), partial(perform_patch, make, look)))
        return make

    return decorate


async def preview_patch(make: Make, cluster: Cluster, order: Order) -> str:
    now = await owned(cluster, order)
    patch = await make(cluster, order, now)
    return "\n".join([patch.words, *in_words(_plain(await _dry_run(cluster, order, patch, now)))])


async def perform_patch(make: Make, look: Look, cluster: Cluster, order: Order) -> str:
    said = await _patched(make, cluster, order)
    if not order.wait:
        return said
    return f"{said}\n{await settled(cluster, order, partial(look, order))}"


async def _patched(make: Make, cluster: Cluster, order: Order) -> str:
    for _ in range(_CONFLICTS):
        now = await owned(cluster, order)
        if done_by(now, order):
            return f"{order.where.text} was changed by this step before: nothing is done twice"
        patch = await make(cluster, order, now)
        would = await _dry_run(cluster, order, patch, now)
        try:
            after = await _send(cluster, order, patch, now, _REAL)
        except ClusterRefused as refused:
            if refused.status != 409:
                raise
            continue  # somebody else changed it meanwhile: read it again and decide anew
        did = differences(now, after, patch.part)
        lines = [patch.words, *in_words(_plain(did))]
        if did.keys() != would.keys():
            other = ", ".join(sorted(did.keys() ^ would.keys())[:5])
            raise Unfit("\n".join([*lines, f"what was changed is not what the dry run showed: {other}"]))
        return "\n".join(lines)
    raise ClusterFailure(f"{order.where.text} is being changed by somebody else all the time")


async def _dry_run(cluster: Cluster, order: Order, patch: Patch, now: dict[str, Any]) -> dict[str, str]:
    return differences(now, await _send(cluster, order, patch, now, _DRY), patch.part)


async def _send(
    cluster: Cluster, order: Order, patch: Patch, now: dict[str, Any], query: dict[str, str]
) -> dict[str, Any]:
    where = Where(order.where.resource, order.where.namespace, order.where.name, patch.part)
    body = named(patch.body, order, now)
    return await cluster.read(Request("patch", where, query, body, MERGE_PATCH))


def named(body: dict[str, Any], order: Order, now: dict[str, Any]) -> dict[str, Any]:
    """The patch with the step's name, for exactly the object that was read."""
    meta = dict(body.get("metadata") or {})
    annotations = {**(meta.get("annotations") or {}), RUN: order.key}
    version = {"resourceVersion": now["metadata"]["resourceVersion"]}
    return {**body, "metadata": {**meta, **version, "annotations": annotations}}


def _plain(changed: dict[str, str]) -> dict[str, str]:
    """Without the name of the step and the moment of a restart: a preview is the same until something differs."""
    return {path: what for path, what in changed.items() if not any(mark in path for mark in _MARKS)}


async def settled(cluster: Cluster, order: Order, look: Callable[[dict[str, Any]], Progress]) -> str:
    """Wait until the change has taken effect. Raises Unfit where it cannot any more, or takes too long."""
    last = Progress("it was not looked at")
    try:
        async with asyncio.timeout_at(order.deadline):
            while True:
                try:
                    last = look(await owned(cluster, order))
                except ClusterFailure as failure:
                    last = Progress(str(failure))
                    await asyncio.sleep(failure.retry_after or order.poll)
                    continue
                if last.failed:
                    raise Unfit(last.text)
                if last.done:
                    return last.text
                await asyncio.sleep(order.poll)
    except TimeoutError as error:
        raise Unfit(f"not done within {order.timeout:g} s: {last.text}") from error
