"""What time tells where no topology does: trouble at many services at once is seldom chance.

Trouble is a self-exciting point process (Hawkes 1971; declustering: Zhuang, Ogata, Vere-Jones 2002): services break for
reasons of their own, at a rate that is seen, and each that did makes others follow soon. Which of the two explains a
service better is a matter of odds. How many follow and when is not known of any two services beforehand, so that one
other service is never enough by time alone. What was learnt of the two makes the odds better or worse.
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
"""How many services follow one that is in trouble, on average, of those that nobody knows to depend on it."""
SELDOM = 24 / 3600
"""Services that break for reasons of their own, a second: fewer are not believed in, as an hour is not long enough to
know; so two services never are a burst by time alone."""
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

    def note(self, at: float, service: str, cluster: str) -> None:
        """Trouble began at a service, in a cluster."""
        insort(self._begun, (at, service, cluster))

    def odds(self, service: str, at: float, place: Place) -> dict[str, float]:
        """For each cluster the odds that trouble in it explains trouble at the service, against chance.

        Nothing is said where the rate is not known: many services may have just been connected.

        The services of a cluster tell much the same of another one: of what was learnt of each, their mean counts, and
        for so many as the root of their number.
        """
        if self._rate is None:
            return {}
        known: dict[str, list[tuple[float, float]]] = {}
        seen: set[tuple[str, str]] = set()
        for other, cluster in self._near(at):
            placed = place(other, cluster) if self._may_tell(service, other) else None
            if placed is not None and (other, placed[0]) not in seen:
                seen.add((other, placed[0]))
                odds = _odds_by_time(placed[1].first - at, self._window, self._rate)
                known.setdefault(placed[0], []).append((odds, self._lift(service, other)))
        return {cluster: _weighed(told) for cluster, told in known.items() if len(told) < FLOOD}

    def first_at(self, at: float, cluster: str, place: Place) -> str | None:
        """The service whose trouble began then in a cluster."""
        start = bisect_left(self._begun, (at,))
        for began, service, first in islice(self._begun, start, start + MOST):
            placed = place(service, first) if began == at else None
            if placed and placed[0] == cluster:
                return service
        return None

    def _may_tell(self, service: str, other: str) -> bool:
        return other != service and not (service in self._described and other in self._described)

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

    def _lift(self, service: str, other: str) -> float:
        mine = self._learnt.get(service, {})
        own, others = mine.get(service), self._learnt.get(other, {}).get(other)
        seen = mine.get(other)
        if own is None or (seen is None and others is None):
            return 1.0
        return _lift_by(seen or Seen(0.0, others.episodes if others else 0.0), own.episodes)


def _weighed(told: Sequence[tuple[float, float]]) -> float:
    by_time = sum(odds for odds, _ in told)
    if all(learnt == 1 for _, learnt in told):
        return by_time
    return by_time * exp(sum(odds * log(learnt) for odds, learnt in told) / by_time * sqrt(len(told)))


def _odds_by_time(apart: float, window: float, rate: float) -> float:
    """The odds that one of two services follows the other, that far apart, where ``rate`` break by themselves a second.

    >>> _odds_by_time(0.0, 300.0, 0.0) < 1 < 2 * _odds_by_time(10.0, 300.0, 0.0)
    True
    >>> _odds_by_time(0.0, 300.0, 1.0) < 0.1
    True
    """
    scale = SCALE * window
    density = 1 / (pi * scale * (1 + (apart / scale) ** 2))
    return FOLLOW * density / max(rate, SELDOM)


def _lift_by(seen: Seen, episodes: float) -> float:
    """By how much what was seen of two services makes it likelier that trouble of both is one, or less likely.

    >>> _lift_by(Seen(0, 9), 0), _lift_by(Seen(0, 9), 9) < 0.5, _lift_by(Seen(5, 6), 6) > 2
    (1.0, True, True)
    """
    by_chance = BY_CHANCE * sqrt(episodes * seen.episodes)
    return (seen.near + _BELIEF) / (by_chance + seen.apart + _BELIEF)
