"""A Backstage catalog: components, resources and APIs, and what they say of each other.

https://backstage.io/docs/features/software-catalog/descriptor-format
https://backstage.io/docs/features/software-catalog/references

An entity is called by its name, outside the namespace ``default`` by ``namespace/name``. An API depends on what
provides it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from bot.config.document import Document
from bot.config.topology.graph import Graph
from bot.config.topology.importing import Foreign, ImportedFile, importer, read_as
from bot.errors import ConfigError

_KINDS = ("component", "resource", "api")
_REFERENCE = re.compile(r"(?:(?P<kind>[^:/\s]+):)?(?:(?P<namespace>[^:/\s]+)/)?(?P<name>[^:/\s]+)")
_DEFAULT = "default"


class _Metadata(Foreign):
    name: str = Field(min_length=1)
    namespace: str = _DEFAULT


class _Spec(Foreign):
    depends_on: list[str] = Field(default=[], alias="dependsOn")
    dependency_of: list[str] = Field(default=[], alias="dependencyOf")
    consumes: list[str] = Field(default=[], alias="consumesApis")
    provides: list[str] = Field(default=[], alias="providesApis")
    owner: str = ""


class _Entity(Foreign):
    kind: str
    metadata: _Metadata
    spec: _Spec = _Spec()

    @property
    def key(self) -> tuple[str, str, str]:
        """References are written in any case."""
        return self.kind.lower(), self.metadata.namespace.lower(), self.metadata.name.lower()

    @property
    def node(self) -> str:
        return _node(self.metadata.namespace, self.metadata.name)


class _Found(NamedTuple):
    entity: _Entity
    document: Document


_Catalog = Mapping[tuple[str, str, str], _Found]


def _is_entity(document: Document) -> bool:
    value = document.value
    return isinstance(value, dict) and str(value.get("apiVersion")).startswith("backstage.io/")


@importer("a Backstage catalog (YAML)", lambda file: any(map(_is_entity, file.documents)))
def read(files: Sequence[ImportedFile]) -> Graph:
    documents = [document for file in files for document in file.documents if _is_entity(document)]
    entities = [document for document in documents if str(document.value.get("kind")).lower() in _KINDS]
    found = [_Found(read_as(_Entity, document.value, document), document) for document in entities]
    catalog = {one.entity.key: one for one in reversed(found)}
    graph = Graph()
    for one in catalog.values():
        graph.describe(one.entity.node, one.document.where(("metadata", "name")))
        if owner := _team_in(one.entity.spec.owner):
            graph.owners[one.entity.node] = owner
    for one in reversed(catalog.values()):
        _connect(one, catalog, graph)
    return graph


def _connect(found: _Found, catalog: _Catalog, graph: Graph) -> None:
    node, spec = found.entity.node, found.entity.spec
    for field, references, kinds, towards in (
        ("dependsOn", spec.depends_on, _KINDS, True),
        ("dependencyOf", spec.dependency_of, _KINDS, False),
        ("consumesApis", spec.consumes, ("api",), True),
        ("providesApis", spec.provides, ("api",), False),
    ):
        for i, reference in enumerate(references):
            where = found.document.where(("spec", field, i))
            other = _resolve(reference, found.entity, kinds, catalog, where)
            if other != node:  # a component and its API may have one name
                graph.connect(*((node, other) if towards else (other, node)), where)


def _resolve(reference: str, at: _Entity, kinds: Sequence[str], catalog: _Catalog, where: str) -> str:
    """The node that a reference means; where no entity is known by it, the one that would be."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ConfigError(f"{where}: {reference!r} is no reference: write kind:namespace/name, kind:name or name")
    namespace, name = match["namespace"] or at.metadata.namespace, match["name"]
    for kind in (match["kind"].lower(),) if match["kind"] else kinds:
        found = catalog.get((kind, namespace.lower(), name.lower()))
        if found:
            return found.entity.node
    return _node(namespace, name)


def _team_in(owner: str) -> str:
    """The group that a reference names; a person is no team.

    >>> _team_in("group:default/shop"), _team_in("shop"), _team_in("user:ana")
    ('shop', 'shop', '')
    """
    match = _REFERENCE.fullmatch(owner)
    return match["name"] if match and (match["kind"] or "group").lower() == "group" else ""


def _node(namespace: str, name: str) -> str:
    return name if namespace.lower() == _DEFAULT else f"{namespace}/{name}"
