"""What incidents of the past teach: which services are troubled together, where the topology says nothing of it."""

from collections.abc import Mapping
from math import log
from typing import NamedTuple

LEAST = 2.0
"""Once is a coincidence."""
BELIEF = 2.0
"""So many more episodes without the other one are thought of, before anything was seen."""
FORGOTTEN = 3.9
"""The cost of an edge that the topology should know and does not: one in fifty is forgotten. Of a service that is
not in the topology at all it would hold nothing, and there it costs nothing to believe what was seen."""
TAUGHT = 3.0
"""A person who merges or splits says as much as so many incidents."""


class Seen(NamedTuple):
    """Of a service and another one: in how many of the ``episodes`` of the other one it was troubled ``near`` in time,
    and how often people have set them ``apart``. Counts fade with time, and are no whole numbers."""

    near: float
    episodes: float
    apart: float = 0.0


CoOccurrences = Mapping[str, Mapping[str, Seen]]
"""For each service what was seen of it and others."""


def co_occurrence_cost(seen: Seen) -> float | None:
    """The cost of explaining one's trouble by the other's, a negative log-likelihood; None where too little was seen.

    >>> [round(co_occurrence_cost(Seen(6, episodes)), 2) for episodes in (6, 60)], co_occurrence_cost(Seen(1, 1))
    ([0.29, 2.34], None)
    """
    if seen.near < LEAST:
        return None
    return -log(seen.near / (max(seen.episodes, seen.near) + seen.apart + BELIEF))


def apart_cost(seen: Seen | None) -> float:
    """What is added to the cost of an explanation that people have rejected before.

    >>> apart_cost(None), round(apart_cost(Seen(0, 0, TAUGHT)), 2)
    (0.0, 0.92)
    """
    return log((seen.near + seen.apart + BELIEF) / (seen.near + BELIEF)) if seen else 0.0
