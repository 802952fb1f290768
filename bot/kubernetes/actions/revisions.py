"""Earlier revisions of a workload: its ReplicaSets, or its ControllerRevisions."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from bot.kubernetes.actions.order import Order, Unfit
from bot.kubernetes.cluster import Cluster
from bot.kubernetes.pages import all_of
from bot.kubernetes.resources import CONTROLLER_REVISIONS, DEPLOYMENTS, REPLICA_SETS, Where

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


class Revision(NamedTuple):
    number: int
    template: dict[str, Any]

    @property
    def images(self) -> str:
        containers = (self.template.get("spec") or {}).get("containers") or []
        return ", ".join(str(one.get("image", "?")) for one in containers) or "no image"


async def revision_to_undo(cluster: Cluster, order: Order, now: dict[str, Any]) -> tuple[Revision, Revision]:
    """The revision that runs, and the one to go back to: the one that is named, or the last before.

    Raises Unfit where there is none.
    """
    where = order.where
    resource = REPLICA_SETS if where.resource is DEPLOYMENTS else CONTROLLER_REVISIONS
    read = _of_replica_set if where.resource is DEPLOYMENTS else _of_controller_revision
    mine = [
        thing
        async for thing in all_of(cluster, Where(resource, where.namespace), _selector(now))
        if _is_owned_by(thing, now)
    ]
    known = sorted(one for thing in mine for one in read(thing))
    if not known:
        raise Unfit(f"{where.text} has no revisions to go back to")
    current = known[-1]
    if order.revision is not None:
        named = [one for one in known if str(one.number) == order.revision]
        if not named:
            there = ", ".join(str(one.number) for one in known)
            raise Unfit(f"{where.text} has no revision {order.revision}; there are {there}")
        return current, named[0]
    if len(known) < 2:
        raise Unfit(f"{where.text} has no revision before {current.number}")
    return current, known[-2]


def _selector(now: dict[str, Any]) -> dict[str, str]:
    labels = ((now.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return {"labelSelector": ",".join(f"{name}={value}" for name, value in sorted(labels.items()))} if labels else {}


def _is_owned_by(thing: dict[str, Any], owner: dict[str, Any]) -> bool:
    owners = thing["metadata"].get("ownerReferences") or []
    return any(one.get("uid") == owner["metadata"].get("uid") for one in owners)


def _of_replica_set(thing: dict[str, Any]) -> Iterator[Revision]:
    number = (thing["metadata"].get("annotations") or {}).get(_REVISION, "")
    if number.isdecimal():
        template = dict(thing["spec"]["template"])
        meta = dict(template.get("metadata") or {})
        meta["labels"] = {name: value for name, value in (meta.get("labels") or {}).items() if name != _HASH}
        yield Revision(int(number), template | {"metadata": meta})


def _of_controller_revision(thing: dict[str, Any]) -> Iterator[Revision]:
    template = ((thing.get("data") or {}).get("spec") or {}).get("template")
    if template:
        yield Revision(int(thing.get("revision") or 0), {k: v for k, v in template.items() if k != "$patch"})
