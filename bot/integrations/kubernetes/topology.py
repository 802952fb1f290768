"""Topology: what depends on what, by the objects of a cluster.

An Ingress depends on its Services, a Service on the workloads that it selects, all of them on what their annotation
``tandem/depends-on: a, b`` names, and a workload runs on the nodes of its pods. A node of the topology is called by the
label ``app.kubernetes.io/name`` or else the object's name; where both are used, the one depends on the other, so that
alerts that name it either way meet.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from bot.integrations.kubernetes.seen import Pairs, Seen


class Edge(NamedTuple):
    """In a namespace, ``service`` depends on ``other``."""

    namespace: str
    service: str
    other: str


def calls(found: Collection[Seen]) -> Iterator[Edge]:
    """Every edge between services; each may come twice."""
    by_label = _by_label(found)
    named = {(one.namespace, one.name): one.service for one in found if one.kind not in ("ingress", "hpa", "node")}
    for one in found:
        if one.kind == "node":
            continue
        for other in _below(one, by_label, named):
            if other and other != one.service:
                yield Edge(one.namespace, one.service, other)
        if one.name != one.service:
            yield Edge(one.namespace, one.service, one.name)


def _below(one: Seen, by_label: "_ByLabel", named: Mapping[tuple[str, str], str]) -> Iterator[str]:
    yield from (named.get((one.namespace, other), other) for other in (*one.depends_on, *one.others, one.target))
    if one.selector:
        yield from _selected(one.namespace, one.selector, by_label)


_ByLabel = Mapping[tuple[str, str, str], Mapping[int, str]]


def _by_label(found: Iterable[Seen]) -> _ByLabel:
    known: dict[tuple[str, str, str], dict[int, str]] = {}
    for i, one in enumerate(found):
        for label in one.labels:
            known.setdefault((one.namespace, *label), {})[i] = one.service
    return known


def _selected(namespace: str, selector: Pairs, by_label: _ByLabel) -> Iterator[str]:
    """The workloads whose pods have all labels of a selector."""
    first, *rest = [by_label.get((namespace, *label), {}) for label in selector]
    return (service for i, service in first.items() if all(i in one for one in rest))
