"""One thing to be done to one object, and by which words it is known to have been done."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.errors import TandemError
from bot.kubernetes.cluster import Cluster, Request
from bot.kubernetes.errors import ClusterRefused
from bot.kubernetes.ownership import belongs_to, names_of
from bot.kubernetes.resources import NODES, Where

RUN = "tandem/run"
"""The annotation that names the step that changed an object last: a step that is repeated finds its own name there."""
OF = "tandem/of"
"""Beside it, where the same name may come to stand for another thing: which one the step was about."""


RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTART_AT = "spec.restartAt"
POLL = 2.0
"""So many seconds are between two looks at what a change comes to."""


class Unfit(TandemError):
    """It is not done; the message says why."""


@dataclass(frozen=True)
class Order:
    """``key`` is the run and the step; ``services`` are those of which one must own the object."""

    action: str
    where: Where
    key: str
    services: tuple[str, ...] = ()
    replicas: int | None = None
    revision: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    full: bool = False
    wait: bool = True
    delete_emptydir: bool = False
    timeout: float = 300.0
    poll: float = field(default_factory=lambda: POLL)
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def deadline(self) -> float:
        """By the event loop's clock: until then its effect must be there."""
        return self.began + self.timeout


async def owned(cluster: Cluster, order: Order) -> dict[str, Any]:
    """The object as it is now. Raises Unfit where it is not there, or is another service's."""
    where = order.where
    try:
        thing = await cluster.read(Request("get", where))
    except ClusterRefused as refused:
        if refused.status == 404:
            raise Unfit(f"there is no {where.text}") from refused
        raise
    check_owner(thing, order)
    return thing


def check_owner(thing: dict[str, Any], order: Order) -> None:
    """Raises Unfit where no service is named that owns it. A node belongs to none."""
    if order.where.resource is NODES:
        return
    if not order.services:
        raise Unfit(f"nothing says which service {order.where.text} must belong to: give the step `service: NAME`")
    if not belongs_to(thing, order.services):
        said = ", ".join(names_of(thing)[:3])
        wanted = " or ".join(order.services)
        raise Unfit(f"{order.where.text} is not of {wanted}: its labels and its name say {said}")


def annotations_of(thing: dict[str, Any]) -> dict[str, str]:
    return (thing.get("metadata") or {}).get("annotations") or {}


def done_by(thing: dict[str, Any], order: Order) -> bool:
    """Whether this very step has changed the object before."""
    return annotations_of(thing).get(RUN) == order.key
