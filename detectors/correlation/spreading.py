"""Correlation by how faults spread: along dependencies towards dependants, each edge with a delay.

Every service with alerts is explained by trouble at a service it depends on, or by none, whichever is more likely;
what one service explains is one cluster. This is the attribution of events to parents that self-exciting point
processes are declustered by (Zhuang, Ogata, Vere-Jones 2002, doi:10.1198/016214502760046925), on a graph.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from detectors.correlation.companions import FORGOTTEN, Companions, apart_cost, company_cost
from detectors.correlation.likelihood import (
    OWN,
    Span,
    beside_cost,
    delay_cost,
    silence_cost,
    silent_cause_gain,
    spreading_cost,
)
from detectors.correlation.likeness import most_alike
from detectors.topology import HOPS, Topology

_SILENCE = silence_cost()

Key = tuple[str, str]
"""What alerts are found by: a kind (``service``, ``group`` or ``name``) and a value."""


class Signal(NamedTuple):
    """An alert that looks for its incident. ``group`` is the sender's own; ``at`` is in seconds, by our clock.

    ``terms`` is what else it says of itself (see :mod:`detectors.correlation.terms`).
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


class Assignment(NamedTuple):
    """``homes`` gives each signal its cluster; ``merged`` each given one that is part of an older one now."""

    homes: dict[str, str]
    merged: dict[str, str]


def assign(
    signals: Sequence[Signal],
    clusters: Sequence[Cluster],
    topology: Topology,
    window: float,
    new_ids: Sequence[str],
    companions: Mapping[str, Companions] = MappingProxyType({}),
) -> Assignment:
    """Give each signal the id of a cluster: one that explains it, or a new one; and say which clusters are one.

    Signals are taken in order. Those of different domains never meet.

    Parameters
    ----------
    clusters
        Open clusters, the oldest first, with what was heard of them within ``window`` seconds.
    window
        Seconds after which trouble at one place no longer explains trouble at another.
    new_ids
        Ids for clusters to be made, at least as many as there are signals.
    companions
        For each domain what incidents of the past have taught of the services of the signals.

    Examples
    --------
    >>> shop = Topology({"web": ["db"], "mail": []})
    >>> alerts = [Signal(name, "eu", name, "Slow", "", at) for name, at in (("db", 0.0), ("mail", 9.0), ("web", 20.0))]
    >>> assign(alerts, [], shop, 300.0, ["x", "y", "z"]).homes
    {'db': 'x', 'mail': 'y', 'web': 'x'}
    """
    boards: dict[str, _Board] = {}

    def board_of(domain: str) -> _Board:
        if domain not in boards:
            boards[domain] = _Board(topology, window, companions.get(domain, {}))
        return boards[domain]

    for cluster in clusters:
        board_of(cluster.domain).take_in(cluster)
    unused = iter(new_ids)
    homes: dict[str, str] = {}
    for signal in signals:
        homes[signal.id] = board_of(signal.domain).place(signal, unused)
    merged = {gone: kept for board in boards.values() for gone, kept in board.merged.items()}
    return Assignment(
        homes={signal: _final(home, merged) for signal, home in homes.items()},
        merged={cluster.id: _final(cluster.id, merged) for cluster in clusters if cluster.id in merged},
    )


def _final(cluster: str, merged: Mapping[str, str]) -> str:
    while cluster in merged:
        cluster = merged[cluster]
    return cluster


class _Board:
    """The clusters of one domain: what was heard of which key, in which cluster, when."""

    def __init__(self, topology: Topology, window: float, companions: Companions) -> None:
        self.merged: dict[str, str] = {}
        self._topology = topology
        self._companions = companions
        self._terms: dict[str, frozenset[int]] = {}
        self._last: dict[str, float] = {}
        self._window = window
        self._heard: dict[Key, dict[str, Span]] = {}
        self._troubled: set[str] = set()
        self._suffering: Counter[str] = Counter()
        self._age: dict[str, int] = {}
        self._explained: set[tuple[str, str]] = set()

    def take_in(self, cluster: Cluster) -> None:
        self._age[cluster.id] = len(self._age)
        self._terms[cluster.id] = cluster.terms
        self._last[cluster.id] = max((span.last for span in cluster.keys.values()), default=0.0)
        for key, span in cluster.keys.items():
            self._hear(key, cluster.id, span)

    def place(self, signal: Signal, unused: Iterator[str]) -> str:
        """The cluster of a signal, which from now on is part of it."""
        home = self._nearest("service", signal.service, signal.at)
        news = home is None and signal.service in self._topology
        if home is None:
            home = (self._explaining(signal) if news else None) or self._accompanied(signal, FORGOTTEN * news)
        if home is None and not news:
            home = self._alike(signal)
        opened = home is None
        if home is None:
            home = next(unused)
            self._age[home] = len(self._age)
        for key in signal.keys:
            self._hear(key, home, Span(signal.at, signal.at))
        self._terms[home] = self._terms.get(home, frozenset()) | signal.terms
        self._last[home] = max(signal.at, self._last.get(home, signal.at))
        if news:
            self._reconsider(signal.service, signal.at, home, alone=opened)
        return home

    def _hear(self, key: Key, cluster: str, span: Span) -> None:
        kind, service = key
        if kind == "service" and service not in self._troubled:
            self._troubled.add(service)
            self._suffering.update(self._topology.dependencies(service))
        spans = self._heard.setdefault(key, {})
        spans[cluster] = spans[cluster].extended(span) if cluster in spans else span

    def _nearest(self, kind: str, value: str, at: float) -> str | None:
        """The cluster in which something was heard of within the window, the nearest in time."""
        near = [(span.distance(at), self._age[cluster], cluster) for cluster, span in self._recent((kind, value), at)]
        return min(near)[2] if near else None

    def _recent(self, key: Key, at: float) -> list[tuple[str, Span]]:
        spans = self._heard.get(key)
        if not spans:
            return []
        earliest, latest = at - self._window, at + self._window
        return [(c, span) for c, span in spans.items() if span[0] <= latest and span[1] >= earliest]

    def _alike(self, signal: Signal) -> str | None:
        """For an alert whose place nobody knows: its sender's group; without a service also its text and its name."""
        home = self._nearest("group", signal.group, signal.at)
        if home is None and not signal.service:
            recent = (one for one, last in self._last.items() if abs(signal.at - last) <= self._window)
            home = most_alike(signal.terms, {one: self._terms[one] for one in recent}) if signal.terms else None
            home = home or self._nearest("name", signal.name, signal.at)
        return home

    def _accompanied(self, signal: Signal, doubt: float) -> str | None:
        """The cluster of another service's trouble that the signal's service had its own with in the past.

        Of what lies below or above it the topology has told already how likely that is.
        """
        service, found = signal.service, []
        for other, seen in self._companions.get(service, {}).items():
            cost = company_cost(seen)
            if cost is None or other in self._topology.below(service) or other in self._topology.above(service):
                continue
            for cluster, span in self._recent(("service", other), signal.at):
                whole = cost + doubt + beside_cost(signal.at - span.first, self._window)
                found.append((whole, self._age[cluster], cluster))
        return min(found)[2] if found and min(found)[0] < OWN else None

    def _explaining(self, signal: Signal) -> str | None:
        """The cluster with the likeliest explanation for trouble at the signal's service, if there is one."""
        cost, cluster = self._best_explanation(signal.service, signal.at)
        return cluster if cost < OWN else None

    def _best_explanation(self, service: str, at: float) -> tuple[float, str]:
        found = self._explanations(service, at)
        return min(((cost, cluster) for cluster, cost in found.items()), default=(OWN, ""))

    def _explanations(self, service: str, at: float) -> dict[str, float]:
        """For each cluster the least cost of explaining trouble at a service by trouble at what it depends on.

        What raises no alert is looked through, for it may suffer in silence.
        """
        found: dict[str, float] = {}
        waiting, seen = deque([(service, 1, 0.0)]), {service}
        learnt = self._companions.get(service, {})
        while waiting:
            name, hops, so_far = waiting.popleft()
            for below in self._topology.dependencies(name):
                if below in seen:
                    continue
                seen.add(below)
                heard = self._recent(("service", below), at)
                if not heard and hops == HOPS:
                    continue
                cost = so_far + spreading_cost(self._suffering[below], len(self._topology.dependants(below)))
                if heard and learnt:
                    cost += apart_cost(learnt.get(below))
                for cluster, span in heard:
                    whole = cost + delay_cost(at - span.first, hops, self._window)
                    found[cluster] = min(whole, found.get(cluster, whole))
                if not heard and cost + _SILENCE < OWN:
                    waiting.append((below, hops + 1, cost + _SILENCE))
        return found

    def _reconsider(self, service: str, at: float, home: str, alone: bool) -> None:
        """Trouble at a service is news to those above it, and to those that share a dependency with it."""
        dependencies = self._topology.dependencies(service)
        beside = {name for below in dependencies for name in self._topology.dependants(below)}
        for name in sorted(self._troubled & (beside | self._topology.above(service).keys())):
            for cluster, span in self._recent(("service", name), at):
                if cluster != _final(home, self.merged) and (name, cluster) not in self._explained:
                    self._explain_origin(name, cluster, span.first)
        for below in dependencies if alone else ():
            if not self._recent(("service", below), at):
                self._suspect_silent(below, at)

    def _explain_origin(self, service: str, cluster: str, at: float) -> None:
        """Merge a cluster with another one that explains how it began, where it does not do so itself."""
        found = self._explanations(service, at)
        cost, other = min(((cost, other) for other, cost in found.items()), default=(OWN, cluster))
        if found.get(cluster, OWN) < OWN:
            self._explained.add((service, cluster))
        elif cost < OWN:
            self._merge(cluster, other)

    def _suspect_silent(self, service: str, at: float) -> None:
        """Merge what dependants of a silent service began, where its trouble is likelier than theirs by themselves."""
        dependants = self._topology.dependants(service)
        troubled = [name for name in dependants if name in self._troubled]
        suffering = [(name, one) for name in troubled for one in self._recent(("service", name), at)]
        quiet = len(dependants) - len({name for name, _ in suffering})
        if silent_cause_gain([0.0] * len(suffering), quiet) <= 0:
            return
        origins = [one for name, one in suffering if self._best_explanation(name, one[1].first)[0] >= OWN]
        began = min((span.first for _, span in origins), default=at)
        costs = [delay_cost(span.first - began, 1, self._window) for _, span in origins]
        if silent_cause_gain(costs, quiet) > 0:
            for cluster, _ in origins:
                self._merge(_final(origins[0][0], self.merged), _final(cluster, self.merged))

    def _merge(self, one: str, other: str) -> None:
        """Into the older of the two."""
        kept, gone = sorted((one, other), key=lambda cluster: self._age[cluster])
        if kept == gone:
            return
        self.merged[gone] = kept
        self._terms[kept] |= self._terms.pop(gone)
        self._last[kept] = max(self._last[kept], self._last.pop(gone))
        for key, spans in self._heard.items():
            if gone in spans:
                self._hear(key, kept, spans.pop(gone))
