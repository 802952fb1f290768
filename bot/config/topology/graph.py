"""What is known of the topology, and where each part of it is written."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Edge(NamedTuple):
    """``service`` depends on ``other``; ``where`` that is written."""

    service: str
    other: str
    where: str


@dataclass
class Graph:
    """``described`` says where the entry of each service, model, host … stands; an edge may name what has none.
    ``owners`` are the teams that own services."""

    described: dict[str, str] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)

    def describe(self, name: str, where: str) -> None:
        self.described.setdefault(name, where)

    def connect(self, service: str, other: str, where: str) -> None:
        self.edges.append(Edge(service, other, where))

    def add(self, other: "Graph") -> None:
        for name, where in other.described.items():
            self.describe(name, where)
        self.edges += other.edges
        self.owners |= {name: owner for name, owner in other.owners.items() if name not in self.owners}

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """What each service depends on, each named once; what is described depends on nothing at least."""
        found: dict[str, dict[str, None]] = {name: {} for name in self.described}
        for edge in self.edges:
            found.setdefault(edge.service, {})[edge.other] = None
        return {service: list(others) for service, others in found.items()}
