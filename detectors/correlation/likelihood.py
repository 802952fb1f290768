"""How surprising it is that trouble at one service explains trouble at another: costs, as negative log-likelihoods."""

from functools import lru_cache
from math import log
from typing import NamedTuple

OWN = 5.0
"""The cost of trouble that nothing explains: within the window, one service in 150 breaks for reasons of its own."""
MARGIN = 0.5
"""So much better another explanation must be for an alert to leave the incident that it has been shown in."""
SILENT = 0.2
"""How likely a service that suffers raises no alert."""
SPREADS = 0.5
"""How likely a dependant suffers with the service it depends on and says so."""
_BELIEF = 2.0
"""So many dependants is what we know beforehand of how a fault spreads worth."""
_STEP, _SPREAD = 1 / 15, 1 / 10
"""The usual delay of an edge, and what delays, senders and monitoring make of it, as parts of the window."""


class Span(NamedTuple):
    """From the first to the last moment at which something was seen, in seconds."""

    first: float
    last: float

    def distance(self, at: float) -> float:
        """Seconds between a moment and the span; 0 inside it."""
        return max(self.first - at, at - self.last, 0.0)

    def extended(self, other: "Span") -> "Span":
        return Span(min(self.first, other.first), max(self.last, other.last))


@lru_cache(maxsize=10_000)
def spreading_cost(suffering: int, dependants: int) -> float:
    """A service of whose dependants few suffer does not explain those few.

    >>> spreading_cost(3, 3) < spreading_cost(3, 6) < spreading_cost(1, 40)
    True
    """
    return -log((suffering + _BELIEF * SPREADS) / (dependants + _BELIEF))


def delay_cost(delay: float, hops: int, window: float) -> float:
    """How unusual it is that trouble needs ``delay`` seconds for so many edges. Tails are heavy: some alerts are late.

    >>> delay_cost(20.0, 1, 300.0), delay_cost(-100.0, 1, 300.0) > delay_cost(100.0, 1, 300.0)
    (0.0, True)
    """
    off = (delay - _STEP * window * hops) / (_SPREAD * window * hops**0.5)
    return log(1 + off * off)


def beside_cost(delay: float, window: float) -> float:
    """How unusual it is that services, of which nobody knows which depends on which, suffer so far apart in time.

    >>> beside_cost(0.0, 300.0), beside_cost(-60.0, 300.0) == beside_cost(60.0, 300.0)
    (0.0, True)
    """
    return log(1 + (delay / (_SPREAD * window)) ** 2)


def silence_cost(nodes: int = 1) -> float:
    """The cost of so many services that suffer and raise no alert."""
    return -nodes * log(SILENT)


def silent_cause_gain(costs: list[float], quiet: int) -> float:
    """What is gained by one silent service breaking, instead of each of its dependants for reasons of its own.

    Parameters
    ----------
    costs
        For each dependant that suffers the cost of its delay.
    quiet
        How many of the dependants do not suffer.
    """
    explained = sum(OWN + log(SPREADS) - cost for cost in costs)
    return explained + quiet * log(1 - SPREADS) - OWN - silence_cost(2)
