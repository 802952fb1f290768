"""Warnings about a topology: what is allowed, but probably a mistake."""

from collections.abc import Iterator, Mapping
from itertools import islice

from bot.config.nearest import nearest
from bot.config.topology.graph import Graph

MOST = 50
"""So many warnings of a kind are listed one by one."""
_LONG = 12


def warnings_of(graph: Graph) -> Iterator[str]:
    """A line for each warning, with its place."""
    yield from _unknown_names(graph)
    yield from _cycles_found(graph)


def _unknown_names(graph: Graph) -> Iterator[str]:
    known = sorted(graph.described)
    unknown = [edge for edge in graph.edges if edge.other not in graph.described]
    for edge in unknown[:MOST]:
        yield f"{edge.where}: {edge.other!r} is described nowhere{nearest(edge.other, known)}"
    if rest := unknown[MOST:]:
        yield f"{rest[0].where}: {rest[0].other!r} and {len(rest) - 1} names after it are described nowhere either"


def _cycles_found(graph: Graph) -> Iterator[str]:
    places = {edge.service: edge.where for edge in graph.edges} | graph.described
    for cycle in islice(cycles(graph.depends_on), MOST):
        way = cycle if len(cycle) <= _LONG else [*cycle[:5], "…", *cycle[-3:]]
        yield f"{places[cycle[0]]}: depends on itself: {' → '.join(way)}"


def cycles(depends_on: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """At least one cycle through each group of services that depend on themselves."""
    done: set[str] = set()
    for start in depends_on:
        path: list[str] = []
        waiting = [(start, 0)]
        while waiting:
            name, depth = waiting.pop()
            del path[depth:]
            if name in path:
                yield [*path[path.index(name) :], name]
                continue
            if name not in done:
                done.add(name)
                path.append(name)
                waiting += [(other, depth + 1) for other in depends_on.get(name, ())]
