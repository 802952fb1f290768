"""What correlation works on: signals in, clusters that are known, and what becomes of both."""

from collections.abc import Mapping
from typing import NamedTuple

from detectors.correlation.likelihood import Span

Key = tuple[str, str]
"""What alerts are found by: a kind (``service``, ``group`` or ``name``) and a value."""


class Signal(NamedTuple):
    """An alert that looks for its incident. ``group`` is the sender's own; ``at`` is in seconds, by our clock.

    ``terms`` is what else it says of itself (see :mod:`detectors.correlation.tokens`).
    """

    id: str
    domain: str
    service: str
    name: str
    group: str
    at: float
    terms: frozenset[int] = frozenset()

    @property
    def keys(self) -> list[Key]:
        return [key for key in (("service", self.service), ("group", self.group), ("name", self.name)) if key[1]]


class Cluster(NamedTuple):
    """An incident: when its services, groups and names were last heard of. Only the recent ones need be there.

    ``terms`` are those of its alerts, as far as they are kept.
    """

    id: str
    domain: str
    keys: Mapping[Key, Span]
    terms: frozenset[int] = frozenset()


class Move(NamedTuple):
    """All of a service's trouble leaves one cluster for another one."""

    service: str
    left: str
    joined: str


class Assignment(NamedTuple):
    """``homes`` gives each signal its cluster; ``merged`` each given one that is part of an older one now.

    ``moved`` says, in order and after that, which services of the given ones are part of another one.
    """

    homes: dict[str, str]
    merged: dict[str, str]
    moved: list[Move]
