"""What time tells where no topology does: trouble at many services at once is seldom chance.

Trouble is a self-exciting point process (Hawkes 1971; declustering: Zhuang, Ogata, Vere-Jones 2002): services break for
reasons of their own, at a rate that is seen, and each that did makes others follow soon. Which of the two explains a
service better is a matter of odds. How many follow and when is not known of any two services beforehand, so that one
other service is never enough by time alone. What was learnt of the two makes the odds better or worse, and a namespace
that both are in, and few others, better.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import exp, log, pi, sqrt

from detectors.correlation.co_occurrence import CoOccurrences, Seen
from detectors.correlation.likelihood import Span

SCALE = 0.1
"""How soon others follow, as a part of the window."""
REACH = 0.5
"""Further apart time tells nothing, as a part of the window."""
MOST = 40
"""Of what began before, and of what began after, at most so many count: the nearest."""
FOLLOW = 0.6
"""How many services follow one that is in trouble, on average, of those that nobody knows to depend on it. Of several
in one incident not each has as many of its own: they have as many as the root of their number would. Less than 1, so
that what breaks by itself all the time is not taken for one burst without an end."""
SELDOM = 10 / 3600
"""Services that break for reasons of their own, a second: fewer are not believed in, as an hour is not long enough to
know."""
TWO = 0.95
"""The odds of two services by time alone, at most: they never are a burst."""
TOGETHER = 2.0
"""By how much more likely services follow one of their own namespace, where hardly any other service in trouble is in
it; where all are, it tells nothing."""
FLOOD = 30
"""So many services in trouble at once are no longer one fault by time alone: a broken rule, or somebody who floods."""
BY_CHANCE = 0.1
"""How often two services that have nothing to do with each other are troubled near in time."""
_BELIEF = 0.5
LEAST_AT_ONCE = 3
"""Services that must be troubled at once, so that time may tell anything of them."""

Place = Callable[[str, str], tuple[str, Span] | None]
"""Of a service and the cluster that it was seen in first: which cluster that is now, and when it was seen there."""


class Bursts:
    """When trouble began, of all services of a domain.

    Parameters
    ----------
    window
        Seconds, as in :func:`detectors.correlation.assign`.
    rate
        Services that break for reasons of their own, a second; None where that is not known.
    described
        Services of which people said what they depend on: of two of them time tells nothing that the topology does not.
    learnt
        What incidents of the past have taught.

    Examples
    --------
    >>> bursts = Bursts(300.0, 0.0, frozenset(), {})
    >>> for at, service in ((0.0, "web"), (9.0, "mail"), (20.0, "cart")):
    ...     bursts.note(at, service, "x")
    >>> found = bursts.odds("search", 12.0, lambda service, cluster: (cluster, Span(9.0, 9.0)))
    >>> list(found), found["x"] > 1
    (['x'], True)
    """

    def __init__(self, window: float, rate: float | None, described: frozenset[str], learnt: CoOccurrences) -> None:
        self._window, self._rate, self._described, self._learnt = window, rate, described, learnt
        self._begun: list[tuple[float, str, str]] = []
        self._namespaces: dict[str, str] = {}

    def note(self, at: float, service: str, cluster: str) -> None:
        """Trouble began at a service, in a cluster."""
        insort(self._begun, (at, service, cluster))

    def belongs(self, service: str, namespace: str) -> None:
        """A service was seen in a namespace; the first one counts, and an empty one says nothing."""
        if namespace:
            self._namespaces.setdefault(service, namespace)

    def odds(self, service: str, at: float, place: Place) -> dict[str, float]:
        """For each cluster the odds that trouble in it explains trouble at the service, against chance.

        Nothing is said where the rate is not known: many services may have just been connected.

        The services of a cluster tell much the same of another one: their mean counts, and for so many as the root of
        their number.
        """
        if self._rate is None:
            return {}
        known: dict[str, list[tuple[float, float]]] = {}
        seen: set[tuple[str, str]] = set()
        near = list(self._near(at))
        together = self._together(service, near)
        is_described, has_learnt = service in self._described, service in self._learnt.get(service, ())
        scale = SCALE * self._window
        at_once = _odds_at_once(self._window, self._rate)
        for other, cluster in near:
            if other == service or (is_described and other in self._described):
                continue
            placed = place(other, cluster)
            if placed is not None and (other, placed[0]) not in seen:
                seen.add((other, placed[0]))
                odds = at_once / (1 + ((placed[1].first - at) / scale) ** 2) * together.get(other, 1.0)
                known.setdefault(placed[0], []).append((odds, self._lift(service, other) if has_learnt else 1.0))
        return {cluster: _weighed(told) for cluster, told in known.items() if len(told) < FLOOD}

    def first_at(self, at: float, cluster: str, place: Place) -> str | None:
        """The service whose trouble began then in a cluster."""
        start = bisect_left(self._begun, (at,))
        for began, service, first in islice(self._begun, start, start + MOST):
            placed = place(service, first) if began == at else None
            if placed and placed[0] == cluster:
                return service
        return None

    def _near(self, at: float) -> Iterator[tuple[str, str]]:
        middle = bisect_left(self._begun, (at,))
        reach = REACH * self._window
        for before in islice(range(middle - 1, -1, -1), MOST):
            if at - self._begun[before][0] > reach:
                break
            yield self._begun[before][1:]
        for after in islice(range(middle, len(self._begun)), MOST):
            if self._begun[after][0] - at > reach:
                break
            yield self._begun[after][1:]

    def _together(self, service: str, near: Sequence[tuple[str, str]]) -> dict[str, float]:
        """For the services near in time that are in its namespace, how much likelier that makes it that one follows."""
        namespace = self._namespaces.get(service)
        if not namespace:
            return {}
        others = {other for other, _ in near if other != service}
        same = [other for other in others if self._namespaces.get(other) == namespace]
        lift = 1 + TOGETHER * (1 - (len(same) + 1) / (len(others) + 1))
        return dict.fromkeys(same, lift)

    def _lift(self, service: str, other: str) -> float:
        mine = self._learnt.get(service, {})
        own, others = mine.get(service), self._learnt.get(other, {}).get(other)
        seen = mine.get(other)
        if own is None or (seen is None and others is None):
            return 1.0
        return _lift_by(seen or Seen(0.0, others.episodes if others else 0.0), own.episodes)


def _weighed(told: Sequence[tuple[float, float]]) -> float:
    by_time = sum(odds for odds, _ in told) / sqrt(len(told))
    if all(learnt == 1 for _, learnt in told):
        return min(by_time, TWO) if len(told) == 1 else by_time
    mean = sum(odds * log(learnt) for odds, learnt in told) / sum(odds for odds, _ in told)
    return by_time * exp(mean * sqrt(len(told)))


def _odds_at_once(window: float, rate: float) -> float:
    """The odds that one of two services follows the other, troubled at once; ``rate`` break by themselves a second.

    Apart by ``SCALE`` of the window, they are half of that.

    >>> _odds_at_once(300.0, 0.0) > 1 > 0.1 > _odds_at_once(300.0, 1.0)
    True
    """
    return FOLLOW / (pi * SCALE * window) / max(rate, SELDOM)


def _lift_by(seen: Seen, episodes: float) -> float:
    """By how much what was seen of two services makes it likelier that trouble of both is one, or less likely.

    >>> _lift_by(Seen(0, 9), 0), _lift_by(Seen(0, 9), 9) < 0.5, _lift_by(Seen(5, 6), 6) > 2
    (1.0, True, True)
    """
    by_chance = BY_CHANCE * sqrt(episodes * seen.episodes)
    return (seen.near + _BELIEF) / (by_chance + seen.apart + _BELIEF)
