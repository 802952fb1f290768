"""Whose an object is: the service that its annotation, its labels or its name say."""

from collections.abc import Collection, Iterator
from typing import Any

SERVICE = "tandem/service"
NAME_LABEL = "app.kubernetes.io/name"
SERVICE_LABELS = (NAME_LABEL, "app", "k8s-app")
_HASH = "pod-template-hash"


def names_of(thing: dict[str, Any]) -> list[str]:
    """Every name by which people may call the service that an object belongs to, the plainest word first."""
    meta = thing.get("metadata") or {}
    found = [name for name in _named(thing, meta) if name]
    namespace = meta.get("namespace")
    spaced = [f"{namespace}/{name}" for name in found] if namespace else []
    return list(dict.fromkeys([*found, *spaced]))


def belongs_to(thing: dict[str, Any], services: Collection[str]) -> bool:
    return any(name in services for name in names_of(thing))


def _named(thing: dict[str, Any], meta: dict[str, Any]) -> Iterator[str]:
    labels = meta.get("labels") or {}
    yield (meta.get("annotations") or {}).get(SERVICE, "")
    yield from (labels.get(label, "") for label in SERVICE_LABELS)
    yield meta.get("name", "")
    yield from (_workload(owner, labels) for owner in meta.get("ownerReferences") or [])
    target = (thing.get("spec") or {}).get("scaleTargetRef") or {}
    yield target.get("name", "")


def _workload(owner: dict[str, Any], labels: dict[str, str]) -> str:
    """The owner of a pod; behind a ReplicaSet, the Deployment that made it and appended a hash."""
    name, made = str(owner.get("name", "")), labels.get(_HASH)
    return name.removesuffix(f"-{made}") if made and owner.get("kind") == "ReplicaSet" else name
