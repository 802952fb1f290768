"""What correlation works on: signals in, clusters that are known, and what becomes of both."""

from collections.abc import Mapping
from typing import NamedTuple

from detectors.correlation.likelihood import Span

Key = tuple[str, str]
"""What alerts are found by: a kind (``service``, ``namespace``, ``group`` or ``name``) and a value."""


class Signal(NamedTuple):
    """An alert that looks for its incident. ``group`` is the sender's own; ``at`` is when it began, in seconds.

    ``tokens`` is what else it says of itself (see :mod:`detectors.correlation.tokens`). ``namespace`` tells services
    of one name apart, where it is known.
    """

    id: str
    domain: str
    service: str
    name: str
    group: str
    at: float
    tokens: frozenset[int] = frozenset()
    namespace: str = ""

    @property
    def keys(self) -> list[Key]:
        placed = f"{self.namespace}/{self.service}" if self.namespace and self.service else ""
        named = (("service", self.service), ("namespace", placed), ("group", self.group), ("name", self.name))
        return [key for key in named if key[1]]


class Cluster(NamedTuple):
    """An incident: when its services, groups and names were first and last seen. Only the recent ones need be there.

    ``tokens`` are those of its alerts, as far as they are kept. ``began``: when its first alert did, also long ago.
    """

    id: str
    domain: str
    keys: Mapping[Key, Span]
    tokens: frozenset[int] = frozenset()
    began: float | None = None


class Move(NamedTuple):
    """All of a service's trouble leaves one cluster for another one."""

    service: str
    left: str
    joined: str


class Assignment(NamedTuple):
    """``homes`` gives each signal its cluster; ``first_homes`` the one that its group, name and tokens lead to.

    The two differ where a service moved: it takes its alerts along, but not what they share with those that stay.
    ``moved`` says which services of the given clusters are part of another one; ``merged``, after that, gives each
    given cluster that is part of an older one now.
    """

    homes: dict[str, str]
    merged: dict[str, str]
    moved: list[Move]
    first_homes: dict[str, str]
