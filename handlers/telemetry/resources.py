"""Where OpenTelemetry's telemetry is from: its resources, as labels."""

from collections.abc import Iterable
from functools import lru_cache

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from handlers.telemetry.attributes import labels_of, value_text
from handlers.telemetry.gathering import InvalidPart
from handlers.telemetry.naming import label_name

MOST_PLACES = 1024
MOST_ATTRIBUTES = 256
MOST_BYTES = 64 * 2**10

_KEPT = ("k8s.", "cloud.", "service.", "deployment.environment")
_ALSO_KNOWN_AS = {
    "host.name": "host",
    "k8s.cluster.name": "cluster",
    "k8s.namespace.name": "namespace",
    "k8s.node.name": "node",
    "k8s.pod.name": "pod",
}
"""What alerts call the same thing: so a metric's alert meets the others."""


class Place:
    """What one resource says. ``labels`` may be overruled by an attribute, ``identity`` may not."""

    def __init__(self, labels: dict[str, str], identity: dict[str, str]) -> None:
        self.labels = labels
        self.identity = identity


class Places:
    """Knows the places that telemetry came from lately: for the same resource, it gives the same object.

    ``also`` are labels that are kept of a resource beside ``service.*``, ``k8s.*``, ``cloud.*``,
    ``deployment.environment*`` and ``host.name``.
    """

    def __init__(self, also: Iterable[str]) -> None:
        self._also = frozenset(also)
        self._known = lru_cache(maxsize=MOST_PLACES)(self._look)

    def of(self, resource: Resource) -> Place:
        """Raises InvalidPart where there is too much to look at."""
        if resource.ByteSize() > MOST_BYTES or len(resource.attributes) > MOST_ATTRIBUTES:
            raise InvalidPart(f"a resource has over {MOST_ATTRIBUTES} attributes, or over {MOST_BYTES} bytes of them")
        return self._known(resource.SerializeToString(deterministic=True))

    def _look(self, encoded: bytes) -> Place:
        attributes = Resource.FromString(encoded).attributes
        labels = labels_of(
            attribute
            for attribute in attributes
            if attribute.key.startswith(_KEPT)
            or attribute.key == "host.name"
            or label_name(attribute.key) in self._also
        )
        known = {attribute.key: value_text(attribute.value) for attribute in attributes}
        for attribute, label in _ALSO_KNOWN_AS.items():
            if known.get(attribute):
                labels.setdefault(label, known[attribute])
        return Place(labels, _identity(known))


def _identity(known: dict[str, str]) -> dict[str, str]:
    service, namespace = known.get("service.name", ""), known.get("service.namespace", "")
    identity = {
        "service": service,
        "job": f"{namespace}/{service}" if namespace and service else service,
        "instance": known.get("service.instance.id", ""),
    }
    return {name: value for name, value in identity.items() if value}
