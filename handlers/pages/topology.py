"""Services as a graph: whoever depends on something stands above it, and each shows its state.

The graph is bounded: those in trouble and what is next to them come first. The list below it has them all.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bot.domain.severity import Severity
from bot.notify.plain_text import shortened
from handlers.api.shapes import ServiceShape

MOST_NODES, MOST_EDGES = 36, 120
_ACROSS, _WIDTH, _HEIGHT, _APART, _BELOW = 6, 150, 40, 172, 88
"""Nodes in a row, the size of one, and from one to the next, across and down."""
_LETTERS = 22
_NAMED = 10

Edges = Mapping[str, Sequence[str]]


class Node(NamedTuple):
    x: int
    y: int
    name: str
    severity: Severity | None
    state: str


class Graph(NamedTuple):
    nodes: Sequence[Node]
    edges: Sequence[str]
    words: str
    left_out: int
    width: int
    height: int
    node_width: int = _WIDTH
    node_height: int = _HEIGHT


def service_graph(services: Sequence[ServiceShape]) -> Graph | None:
    """Of services of which those in trouble come first; None where nothing depends on anything."""
    all_edges = _edges(services, {one.name for one in services})
    linked = {*all_edges, *(below for others in all_edges.values() for below in others)}
    if not linked:
        return None
    shown = _chosen([one for one in services if one.name in linked or one.severity], all_edges)
    edges = _edges(shown, {one.name for one in shown})
    rows = _rows(edges, [one.name for one in shown])
    places = _places(rows)
    drawn = [_line(places[name], places[below]) for name, others in edges.items() for below in others]
    return Graph(
        nodes=[_node(one, *places[one.name]) for one in shown],
        edges=drawn[:MOST_EDGES],
        words=_in_words(shown, len(drawn)),
        left_out=len(services) - len(shown),
        width=_APART * max(map(len, rows)),
        height=_BELOW * (len(rows) - 1) + _HEIGHT + 4,
    )


def _edges(services: Sequence[ServiceShape], among: Collection[str]) -> Edges:
    found = {one.name: [below for below in one.depends_on if below in among and below != one.name] for one in services}
    return {name: others for name, others in found.items() if others}


def _chosen(services: Sequence[ServiceShape], edges: Edges) -> Sequence[ServiceShape]:
    if len(services) <= MOST_NODES:
        return services
    troubled = {one.name for one in services if one.severity}
    near = {below for name in troubled for below in edges.get(name, ())}
    near |= {name for name, others in edges.items() if not troubled.isdisjoint(others)}
    links = {one.name: len(edges.get(one.name, ())) for one in services}
    for others in edges.values():
        for below in others:
            links[below] = links.get(below, 0) + 1
    by_rank = sorted(services, key=lambda one: (one.severity is None, one.name not in near, -links[one.name]))
    return by_rank[:MOST_NODES]


def _rows(edges: Edges, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Layers, the widest of them in several rows; each row in the order of what stands above it."""
    layers = _layers(edges, names)
    above: dict[str, list[float]] = {}
    rows: list[tuple[str, ...]] = []
    for layer in range(max(layers.values()) + 1):
        alike = [name for name in names if layers[name] == layer]
        alike.sort(key=lambda name: (_mean(above.get(name, ())), name))
        for first in range(0, len(alike), _ACROSS):
            row = tuple(alike[first : first + _ACROSS])
            rows.append(row)
            for place, name in enumerate(row):
                for below in edges.get(name, ()):
                    above.setdefault(below, []).append((place + 0.5) / len(row))
    return rows


def _mean(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else 0.5


def _layers(edges: Edges, names: Sequence[str]) -> dict[str, int]:
    """How many stand above each at most; what would close a circle counts for nothing.

    >>> _layers({"shop": ["cart", "db"], "cart": ["db"], "db": ["shop"]}, ["shop", "cart", "db"])
    {'shop': 0, 'cart': 1, 'db': 2}
    """
    over: dict[str, bool] = {}
    deepest_first: list[str] = []
    forward: dict[str, list[str]] = {name: [] for name in names}

    def visit(name: str) -> None:
        over[name] = False
        for below in edges.get(name, ()):
            if below not in over:
                visit(below)
            if over[below]:
                forward[name].append(below)
        over[name] = True
        deepest_first.append(name)

    for name in names:
        if name not in over:
            visit(name)
    layers = dict.fromkeys(names, 0)
    for name in reversed(deepest_first):
        for below in forward[name]:
            layers[below] = max(layers[below], layers[name] + 1)
    return layers


def _places(rows: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Where each begins, every row in the middle."""
    widest = _APART * max(map(len, rows))
    return {
        name: ((widest - _APART * len(row)) // 2 + _APART * place + (_APART - _WIDTH) // 2, _BELOW * down + 2)
        for down, row in enumerate(rows)
        for place, name in enumerate(row)
    }


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the lower edge of one to the upper edge of another, as the path of an SVG."""
    x, y, to_x, to_y = start[0] + _WIDTH // 2, start[1] + _HEIGHT, end[0] + _WIDTH // 2, end[1] - 2
    return f"M{x} {y}C{x} {y + 24} {to_x} {to_y - 24} {to_x} {to_y}"


def _node(service: ServiceShape, x: int, y: int) -> Node:
    numbers = " ".join(f"#{number}" for number in service.incidents[:2])
    state = f"{service.severity} {numbers}" if service.severity else "no open incident"
    return Node(x, y, shortened(service.name, _LETTERS), service.severity, shortened(state, _LETTERS))


def _in_words(shown: Sequence[ServiceShape], edges: int) -> str:
    troubled = [f"{shortened(one.name, 40)} {one.severity}" for one in shown if one.severity]
    open_ones = ", ".join(troubled[:_NAMED]) or "none"
    more = f" and {len(troubled) - _NAMED} more" if len(troubled) > _NAMED else ""
    return f"{len(shown)} services and {edges} dependencies. With open incidents: {open_ones}{more}."
