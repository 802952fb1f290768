"""Kubernetes manifests: an Ingress depends on its Services, a Service on the workloads that it selects, and all of them
on what their annotation ``tandem/depends-on: a, b`` names.

A node is called by its label ``app.kubernetes.io/name`` or else its name; by ``namespace/name`` where several
namespaces have that name.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field

from bot.config.document import Document, Place
from bot.config.topology.graph import Graph
from bot.config.topology.importing import Foreign, ImportedFile, importer, read_as

_NAME = "app.kubernetes.io/name"
_DEPENDS_ON = "tandem/depends-on"


class _Metadata(Foreign):
    name: str = Field(min_length=1)
    namespace: str = ""
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})


class _Resource(Foreign):
    kind: str
    metadata: _Metadata

    @property
    def plain_name(self) -> str:
        return self.metadata.labels.get(_NAME) or self.metadata.name


class _PodMetadata(Foreign):
    labels: dict[str, str] = Field(default={})


class _Template(Foreign):
    metadata: _PodMetadata = _PodMetadata()


class _WorkloadSpec(Foreign):
    template: _Template = _Template()


class _Workload(_Resource):
    spec: _WorkloadSpec = _WorkloadSpec()


class _ServiceSpec(Foreign):
    selector: dict[str, str] = Field(default={})


class _Service(_Resource):
    spec: _ServiceSpec = _ServiceSpec()


class _ServiceName(Foreign):
    name: str = ""


class _Backend(Foreign):
    service: _ServiceName = _ServiceName()


class _Path(Foreign):
    backend: _Backend = _Backend()


class _Http(Foreign):
    paths: list[_Path] = Field(default=[])


class _Rule(Foreign):
    http: _Http = _Http()


class _IngressSpec(Foreign):
    default_backend: _Backend = Field(default=_Backend(), alias="defaultBackend")
    rules: list[_Rule] = Field(default=[])


class _Ingress(_Resource):
    spec: _IngressSpec = _IngressSpec()


_MODELS: Mapping[str, type[_Resource]] = {
    "Deployment": _Workload,
    "StatefulSet": _Workload,
    "DaemonSet": _Workload,
    "Service": _Service,
    "Ingress": _Ingress,
}


class _Found(NamedTuple):
    resource: _Resource
    document: Document
    place: Place

    @property
    def namespace(self) -> str:
        return self.resource.metadata.namespace

    def where(self, *place: int | str) -> str:
        return self.document.where((*self.place, *place))


def _is_manifest(document: Document) -> bool:
    value = document.value
    if not (isinstance(value, dict) and isinstance(value.get("kind"), str)):
        return False
    version = value.get("apiVersion")
    return isinstance(version, str) and not version.startswith("backstage.io/")


@importer("Kubernetes manifests (YAML or JSON)", lambda file: any(map(_is_manifest, file.documents)))
def read(files: Sequence[ImportedFile]) -> Graph:
    manifests = [document for file in files for document in file.documents if _is_manifest(document)]
    found = [one for document in manifests for one in _resources(document, document.value, ())]
    cluster = _Cluster(found)
    graph = Graph()
    for one in found:
        graph.describe(cluster.node_of(one), one.where("metadata", "name"))
    for one in found:
        for other, where in _dependencies(one, cluster):
            if other != cluster.node_of(one):
                graph.connect(cluster.node_of(one), other, where)
    return graph


def _resources(document: Document, value: Any, place: Place) -> Iterator[_Found]:
    """The resources of a manifest that are ours to read; ``kubectl get -o yaml`` writes a list of them."""
    kind = str(value.get("kind")) if isinstance(value, dict) else ""
    if kind in _MODELS:
        yield _Found(read_as(_MODELS[kind], value, document, place), document, place)
    elif kind.endswith("List") and isinstance(value.get("items"), list):
        for i, item in enumerate(value["items"]):
            yield from _resources(document, item, (*place, "items", i))


class _Cluster:
    """All resources together: what their nodes are called, and which are meant by names and labels."""

    def __init__(self, found: Sequence[_Found]) -> None:
        self._namespaces: dict[str, set[str]] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._by_label: dict[tuple[str, str, str], dict[int, str]] = {}
        for one in found:
            self._namespaces.setdefault(one.resource.plain_name, set()).add(one.namespace)
        for i, one in enumerate(found):
            if not isinstance(one.resource, _Ingress):
                self._by_name[one.namespace, one.resource.metadata.name] = self.node_of(one)
            if isinstance(one.resource, _Workload):
                for label in one.resource.spec.template.metadata.labels.items():
                    self._by_label.setdefault((one.namespace, *label), {})[i] = self.node_of(one)

    def node_of(self, found: _Found) -> str:
        plain = found.resource.plain_name
        alone = len(self._namespaces[plain]) == 1 or not found.namespace
        return plain if alone else f"{found.namespace}/{plain}"

    def meant(self, name: str, namespace: str) -> str:
        """What a resource of a namespace means by a name; where it means none of these, the name itself."""
        return self._by_name.get((namespace, name), name)

    def selected(self, selector: Mapping[str, str], namespace: str) -> list[str]:
        """The workloads whose pods have all labels of a selector."""
        having = [self._by_label.get((namespace, *label), {}) for label in selector.items()]
        first, *rest = having or [{}]
        return [node for i, node in first.items() if all(i in one for one in rest)]


def _dependencies(found: _Found, cluster: _Cluster) -> Iterator[tuple[str, str]]:
    """The nodes that one depends on, and where that is written."""
    resource = found.resource
    stated = resource.metadata.annotations.get(_DEPENDS_ON, "").split(",")
    for name in filter(None, map(str.strip, stated)):
        yield cluster.meant(name, found.namespace), found.where("metadata", "annotations", _DEPENDS_ON)
    if isinstance(resource, _Service):
        for other in cluster.selected(resource.spec.selector, found.namespace):
            yield other, found.where("spec", "selector")
    if isinstance(resource, _Ingress):
        for name, place in _backends(resource):
            yield cluster.meant(name, found.namespace), found.where("spec", *place)


def _backends(ingress: _Ingress) -> Iterator[tuple[str, Place]]:
    spec = ingress.spec
    if spec.default_backend.service.name:
        yield spec.default_backend.service.name, ("defaultBackend",)
    for i, rule in enumerate(spec.rules):
        for j, path in enumerate(rule.http.paths):
            if path.backend.service.name:
                yield path.backend.service.name, ("rules", i, "http", "paths", j, "backend")
