"""The clusters of one domain while signals are placed among them, one after the other."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping

from detectors.correlation.bursts import REACH, Bursts
from detectors.correlation.co_occurrence import FORGOTTEN, CoOccurrences, apart_cost, co_occurrence_cost
from detectors.correlation.likelihood import (
    MARGIN,
    OWN,
    Span,
    beside_cost,
    delay_cost,
    silence_cost,
    silent_cause_gain,
    spreading_cost,
)
from detectors.correlation.likeness import most_alike
from detectors.correlation.signals import Cluster, Key, Move, Signal
from detectors.topology import HOPS, Topology

_SILENCE = silence_cost()


class Board:
    """The clusters of one domain: which key was seen in which cluster, and when.

    What it decides depends on nothing but the clusters' keys, tokens and ages, so a board that is loaded with the
    clusters of another one goes on as that one would. ``first_homes`` is where each signal's group, name and tokens
    lead: a service that moves takes its alerts along, but not what they share with those that stay.
    """

    def __init__(
        self, topology: Topology, window: float, co_occurrences: CoOccurrences, rate: float | None = None
    ) -> None:
        self.homes: dict[str, str] = {}
        self.first_homes: dict[str, str] = {}
        self.merged: dict[str, str] = {}
        self._topology = topology
        self._co_occurrences = co_occurrences
        self._signals: dict[str, dict[str, list[str]]] = {}
        self._loaded: dict[str, dict[str, str]] = {}
        self._moved: dict[str, None] = {}
        self._tokens: dict[str, frozenset[int]] = {}
        self._began: dict[str, float] = {}
        self._bursts = Bursts(window, rate, topology.described, co_occurrences)
        self._last: dict[str, float] = {}
        self._window = window
        self._spans: dict[Key, dict[str, Span]] = {}
        self._namespaces: dict[tuple[str, str], set[str]] = {}
        self._troubled: set[str] = set()
        self._suffering: Counter[str] = Counter()
        self._age: dict[str, int] = {}
        self._explained: set[tuple[str, str]] = set()

    def load(self, cluster: Cluster) -> None:
        """Take in a cluster that is known from before; the oldest comes first."""
        self._age[cluster.id] = len(self._age)
        self._tokens[cluster.id] = cluster.tokens
        self._last[cluster.id] = 0.0
        if cluster.began is not None:
            self._began[cluster.id] = cluster.began
        for key, span in cluster.keys.items():
            self._observe(key, cluster.id, span)
            if key[0] == "service":
                self._loaded.setdefault(key[1], {})[cluster.id] = cluster.id

    def add(self, signal: Signal, unused: Iterator[str]) -> None:
        """Give a signal its cluster, which from now on it is part of."""
        home = self._of_same_service(signal)
        news = home is None and signal.service in self._topology
        if home is None:
            home = (self._explaining(signal) if news else None) or self._co_occurring(signal, FORGOTTEN * news)
        self._bursts.belongs(signal.service, signal.namespace)
        near = self._near_in_time(signal.service, signal.at) if home is None else {}
        if near:
            home = max(near, key=lambda one: (near[one], -self._age[one]))
        if home is None and not news:
            home = self._alike(signal)
        opened = home is None
        if home is None:
            home = next(unused)
            self._age[home] = len(self._age)
        self._put(signal, home)
        if news:
            self._reconsider(signal.service, signal.at, home, alone=opened)
        if news and opened:
            self._attract(signal.service, signal.at, final(home, self.merged))
        for other in near:
            self._join_burst(other, signal.at)

    def moves(self) -> list[Move]:
        """Which services of the loaded clusters are part of another one now, in the order in which they moved."""
        ends = (
            Move(service, left, final(joined, self.merged))
            for service in self._moved
            for left, joined in self._loaded.get(service, {}).items()
        )
        return [move for move in ends if move.joined != final(move.left, self.merged)]

    def _put(self, signal: Signal, home: str) -> None:
        self.homes[signal.id] = self.first_homes[signal.id] = home
        self._signals.setdefault(home, {}).setdefault(signal.service, []).append(signal.id)
        for key in signal.keys:
            self._observe(key, home, Span(signal.at, signal.at))
        self._tokens[home] = self._tokens.get(home, frozenset()) | signal.tokens

    def _observe(self, key: Key, cluster: str, span: Span) -> None:
        kind, service = key
        if kind == "service" and service not in self._troubled:
            self._troubled.add(service)
            self._suffering.update(self._topology.dependencies(service))
        if kind == "service":
            self._began[cluster] = min(span.first, self._began.get(cluster, span.first))
        if kind == "namespace":
            namespace, _, placed = service.partition("/")
            self._namespaces.setdefault((cluster, placed), set()).add(namespace)
            self._bursts.belongs(placed, namespace)
        self._last[cluster] = max(span.last, self._last.get(cluster, span.last))
        spans = self._spans.setdefault(key, {})
        if kind == "service" and cluster not in spans:
            self._bursts.note(span.first, service, cluster)
        spans[cluster] = spans[cluster].extended(span) if cluster in spans else span

    def _of_same_service(self, signal: Signal) -> str | None:
        """The cluster in which its service was seen, and not only another one of that name in another namespace."""
        near = [
            (span.distance(signal.at), self._age[cluster], cluster)
            for cluster, span in self._recent(("service", signal.service), signal.at)
            if not self._is_elsewhere(signal, cluster)
        ]
        return min(near)[2] if near else None

    def _is_elsewhere(self, signal: Signal, cluster: str) -> bool:
        seen = self._namespaces.get((cluster, signal.service)) if signal.namespace else None
        return bool(seen) and signal.namespace not in (seen or ())

    def _nearest(self, kind: str, value: str, at: float) -> str | None:
        """The cluster in which something was seen within the window, the nearest in time."""
        near = [(span.distance(at), self._age[cluster], cluster) for cluster, span in self._recent((kind, value), at)]
        return min(near)[2] if near else None

    def _recent(self, key: Key, at: float) -> list[tuple[str, Span]]:
        spans = self._spans.get(key)
        if not spans:
            return []
        earliest, latest = at - self._window, at + self._window
        return [(c, span) for c, span in spans.items() if span[0] <= latest and span[1] >= earliest]

    def _alike(self, signal: Signal) -> str | None:
        """Where the topology says nothing: its sender's group; without a service also its text and its name."""
        home = self._nearest("group", signal.group, signal.at)
        if home is None and not signal.service:
            recent = (one for one, last in self._last.items() if abs(signal.at - last) <= self._window)
            home = most_alike(signal.tokens, {one: self._tokens[one] for one in recent}) if signal.tokens else None
            home = home or self._nearest("name", signal.name, signal.at)
        return home

    def _co_occurring(self, signal: Signal, penalty: float) -> str | None:
        """The cluster of another service's trouble that the signal's service had its own with in the past.

        What lies below or above it is left out: how likely that is, the topology says.
        """
        service, found = signal.service, []
        for other, seen in self._co_occurrences.get(service, {}).items():
            cost = co_occurrence_cost(seen)
            if (
                cost is None
                or other == service
                or other in self._topology.below(service)
                or other in self._topology.above(service)
            ):
                continue
            for cluster, span in self._recent(("service", other), signal.at):
                whole = cost + penalty + beside_cost(signal.at - span.first, self._window)
                found.append((whole, self._age[cluster], cluster))
        return min(found)[2] if found and min(found)[0] < OWN else None

    def _near_in_time(self, service: str, at: float, without: str = "") -> dict[str, float]:
        """The clusters that explain trouble at a service by time alone, with their odds; empty where chance does."""
        found = self._bursts.odds(service, at, self._place) if service else {}
        found.pop(without, None)
        return found if sum(found.values()) > 1 else {}

    def _place(self, service: str, cluster: str) -> tuple[str, Span] | None:
        now = final(cluster, self.merged)
        span = self._spans["service", service].get(now)
        return (now, span) if span else None

    def _join_burst(self, cluster: str, at: float) -> None:
        """Merge a cluster with the one that explains by time how it began, if what is seen at that moment tells it."""
        began = self._began[cluster]
        tells = abs(at - began) <= REACH * self._window and cluster not in self.merged
        first = self._bursts.first_at(began, cluster, self._place) if tells else None
        found = self._near_in_time(first, began, without=cluster) if first else {}
        if found:
            self._merge(cluster, max(found, key=lambda one: (found[one], -self._age[one])))

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
        learnt = self._co_occurrences.get(service, {})
        while waiting:
            name, hops, so_far = waiting.popleft()
            for below in self._topology.dependencies(name):
                if below in seen:
                    continue
                seen.add(below)
                recent = self._recent(("service", below), at)
                if not recent and hops == HOPS:
                    continue
                cost = so_far + spreading_cost(self._suffering[below], len(self._topology.dependants(below)))
                if recent and learnt:
                    cost += apart_cost(learnt.get(below))
                for cluster, span in recent:
                    whole = cost + delay_cost(at - span.first, hops, self._window)
                    found[cluster] = min(whole, found.get(cluster, whole))
                if not recent and cost + _SILENCE < OWN:
                    waiting.append((below, hops + 1, cost + _SILENCE))
        return found

    def _reconsider(self, service: str, at: float, home: str, alone: bool) -> None:
        """Trouble at a service is news to those above it, and to those that share a dependency with it."""
        above, dependencies = self._topology.above(service).keys(), self._topology.dependencies(service)
        self._explained = {
            one for one in self._explained if one[0] not in above
        }  # by paths through this service, silent
        beside = {name for below in dependencies for name in self._topology.dependants(below)}
        for name in sorted(self._troubled & (beside | above)):
            for cluster, span in self._recent(("service", name), at):
                known = cluster in self.merged or (name, cluster) in self._explained
                if cluster != final(home, self.merged) and not known:
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

    def _attract(self, service: str, at: float, home: str) -> None:
        """What depends on trouble that nothing explains may be elsewhere only because it was seen earlier."""
        above = self._topology.above(service)
        for name in sorted(self._troubled & above.keys(), key=lambda name: (above[name], name)):
            for cluster, span in self._recent(("service", name), at):
                found = self._explanations(name, span.first) if cluster != home else {}
                known = found.get(cluster, OWN if span.first > self._began[cluster] else 0.0)
                if found.get(home, OWN) + MARGIN < known:
                    self._move(name, cluster, home)

    def _move(self, service: str, left: str, joined: str) -> None:
        self._moved[service] = None
        self._explained.clear()
        loaded = self._loaded.get(service, {})
        self._loaded[service] = loaded | {o: joined for o, now in loaded.items() if final(now, self.merged) == left}
        self._observe(("service", service), joined, self._spans["service", service].pop(left))
        for namespace in self._namespaces.pop((left, service), ()):
            placed = "namespace", f"{namespace}/{service}"
            self._observe(placed, joined, self._spans[placed].pop(left))
        spans = (self._spans["service", name] for name in self._troubled)
        self._began[left] = min((one[left].first for one in spans if left in one), default=self._began[left])
        signals = self._signals.get(left, {}).pop(service, [])
        self.homes |= dict.fromkeys(signals, joined)
        self._signals.setdefault(joined, {}).setdefault(service, []).extend(signals)

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
                self._merge(final(origins[0][0], self.merged), final(cluster, self.merged))

    def _merge(self, one: str, other: str) -> None:
        """Into the older of the two."""
        kept, gone = sorted((one, other), key=lambda cluster: self._age[cluster])
        if kept == gone:
            return
        self.merged[gone] = kept
        self._explained.clear()
        self._tokens[kept] |= self._tokens.pop(gone)
        for key, spans in self._spans.items():
            if gone in spans:
                self._observe(key, kept, spans.pop(gone))
        del self._last[gone]
        for service, signals in self._signals.pop(gone, {}).items():
            self._signals.setdefault(kept, {}).setdefault(service, []).extend(signals)


def final(cluster: str, merged: Mapping[str, str]) -> str:
    """What a cluster is part of in the end."""
    while cluster in merged:
        cluster = merged[cluster]
    return cluster
