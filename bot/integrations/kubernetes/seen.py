"""What is kept of an object of the cluster: what the topology and the changes are made of, and nothing else."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import msgspec

from bot.kubernetes.objects import Autoscaler, Ingress, Meta, Node, Service, Workload
from bot.kubernetes.resources import (
    AUTOSCALERS,
    DAEMON_SETS,
    DEPLOYMENTS,
    INGRESSES,
    NODES,
    ROLLOUTS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)

WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, ROLLOUTS)
WATCHED = (*WORKLOADS, SERVICES, INGRESSES, AUTOSCALERS, NODES)
MOST_LABELS = 50
_DEPENDS_ON = "tandem/depends-on"
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_RUN = "tandem/run"

Pairs = tuple[tuple[str, str], ...]


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """``labels`` are those of a workload's pods, ``selector`` the ones that a service asks for; ``others`` the names of
    what an ingress leads to, ``depends_on`` what the annotation says. ``template`` is a digest of what pods are made
    from, but for their images. ``by`` and ``at``: who changed it last, and when. ``run``: the step of ours that did."""

    kind: str
    namespace: str
    name: str
    service: str
    uid: str = ""
    generation: int = 0
    images: Pairs = ()
    replicas: int | None = None
    labels: Pairs = ()
    selector: Pairs = ()
    others: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    template: str = ""
    restarted: str = ""
    target: str = ""
    bounds: tuple[int, int] = (0, 0)
    cordoned: bool = False
    by: str = ""
    at: datetime | None = None
    run: str = ""


def seen(resource: Resource, thing: object) -> Seen:
    """An object as it is kept."""
    meta: Meta = thing.metadata  # type: ignore[attr-defined]
    own = meta.annotations or {}
    deeds = [one for one in meta.managed_fields or [] if one.time and one.subresource != "status"]
    last = max(deeds, key=lambda one: one.time or datetime.min, default=None)
    common = Seen(
        kind=resource.name,
        namespace=meta.namespace,
        name=meta.name,
        service=meta.service,
        uid=meta.uid,
        generation=meta.generation,
        depends_on=tuple(name for name in map(str.strip, own.get(_DEPENDS_ON, "").split(",")) if name),
        by=last.manager if last else "",
        at=last.time if last else meta.creation_timestamp,
        run=own.get(_RUN, ""),
    )
    return msgspec.structs.replace(common, **_more(thing))


def _more(thing: object) -> dict[str, object]:
    return next((read(thing) for kind, read in _READERS.items() if isinstance(thing, kind)), {})


def _of_workload(thing: Workload) -> dict[str, object]:
    template = thing.spec.template
    meta, containers = template.metadata, template.spec.containers or []
    return {
        "images": tuple((one.name, one.image) for one in containers),
        "replicas": thing.spec.replicas,
        "labels": _pairs(meta.labels),
        "restarted": (meta.annotations or {}).get(_RESTARTED_AT, "") or thing.spec.restart_at,
        "template": _digest(template.spec.rest, [(one.name, one.rest) for one in containers]),
    }


def _of_service(thing: Service) -> dict[str, object]:
    return {"selector": _pairs(thing.spec.selector)}


def _of_ingress(thing: Ingress) -> dict[str, object]:
    return {"others": tuple(dict.fromkeys(_backends(thing)))}


def _backends(thing: Ingress) -> Iterator[str]:
    spec = thing.spec
    paths = [path.backend for rule in spec.rules or [] if rule.http for path in rule.http.paths or []]
    for backend in (spec.default_backend, *paths):
        if backend and backend.service and backend.service.name:
            yield backend.service.name


def _of_autoscaler(thing: Autoscaler) -> dict[str, object]:
    spec = thing.spec
    return {"target": spec.scale_target_ref.name, "bounds": (spec.min_replicas or 1, spec.max_replicas)}


def _of_node(thing: Node) -> dict[str, object]:
    return {"cordoned": thing.spec.unschedulable}


_READERS: Mapping[type, Callable[..., dict[str, object]]] = {
    Workload: _of_workload,
    Service: _of_service,
    Ingress: _of_ingress,
    Autoscaler: _of_autoscaler,
    Node: _of_node,
}
SHAPES: Mapping[str, type] = {
    **{one.name: Workload for one in WORKLOADS},
    SERVICES.name: Service,
    INGRESSES.name: Ingress,
    AUTOSCALERS.name: Autoscaler,
    NODES.name: Node,
}


def _pairs(labels: Mapping[str, str] | None) -> Pairs:
    return tuple(sorted((labels or {}).items())[:MOST_LABELS])


def _digest(*parts: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=8).hexdigest()
