"""Shift: whether the mean of bounded observations has moved away from what was learnt of it.

Each observation is a number between 0 and 1: 1 for a call that failed and 0 for one that did not, or a score in its
scale. What is learnt first is the reference. After it, bets are made on each observation against "the mean is what it
was, or better by less than a margin": while that holds no strategy makes money, so a fortune of 100,000 is made once
in so many observations at most. Bets are begun anew whenever they have lost, as in CUSUM.

References
----------
Shin, Ramdas, Rinaldo: E-detectors, a nonparametric framework for sequential change detection. 2022.
Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting. JRSS B, 2024.
"""

from collections.abc import Mapping
from math import exp, log, log1p, sqrt

import msgspec

LEARN = 100
"""Observations before anything is judged."""
MOST_LEARNT = 500
"""Of so many the reference is made; more would not make it better."""
RARE = 1e5
"""At most one false alarm in so many observations of a series."""
RECENT = 40
"""So many observations must be as usual again before that is believed."""
_BETS = (0.05, 0.1, 0.2, 0.4, 0.7)
"""Shares of the most that can be staked without losing all at once."""
_SURE = 1.0
"""Standard errors of what was learnt that are added to the margin."""
_DOUBT = 2.0
"""So great is the logarithm of a fortune once in seven times by chance: what is above it may have begun there."""
_LEAST, _GREATEST = 0.001, 0.999

Counts = Mapping[float, int]
"""How often each value came; all between 0 and 1."""


class Side(msgspec.Struct, array_like=True, gc=False):
    """Bets that the mean is greater than ``mean`` (on the other side they are made on 1 less the observation).

    Parameters
    ----------
    mean
        The greatest mean that is no shift.
    fortunes
        Of each bet its logarithm, not below 0.
    since
        When the greatest of them began to be more than chance often brings, in seconds; 0 where it is not.

    Examples
    --------
    >>> side = Side(mean=0.1)
    >>> [side.bet(at, {1.0: 1}) for at in range(3)][-1] > 1.0
    True
    """

    mean: float
    fortunes: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(_BETS))
    since: float = 0.0

    def bet(self, at: float, counts: Counts) -> float:
        """The logarithm of the mean fortune after these observations."""
        for number, share in enumerate(_BETS):
            stake = share / self.mean
            gain = sum(count * log1p(stake * (value - self.mean)) for value, count in counts.items())
            self.fortunes[number] = max(self.fortunes[number] + gain, 0.0)
        greatest = max(self.fortunes)
        self.since = (self.since or at) if greatest > _DOUBT else 0.0
        return greatest + log(sum(exp(one - greatest) for one in self.fortunes) / len(_BETS))


class Shift(msgspec.Struct, array_like=True, gc=False):
    """Watches the mean of one series of observations.

    Parameters
    ----------
    margin
        By how much the mean may move before that matters.
    falls
        Whether a fall matters as well as a rise.
    learnt
        How often each value came while the reference was learnt.
    rise, fall
        The bets; None while the reference is learnt.
    recent
        The last observations, as time, number and sum.
    shifted
        1 after a rise was found, -1 after a fall, and 0 else.
    since
        When that began, in seconds.

    Examples
    --------
    >>> shift = Shift(margin=0.03)
    >>> for at in range(200):
    ...     shift.observe(float(at), {0.0: 49, 1.0: 1} if at % 2 else {0.0: 50})
    >>> shift.shifted
    0
    >>> for at in range(200, 205):
    ...     shift.observe(float(at), {0.0: 35, 1.0: 15})
    >>> shift.shifted, shift.since >= 199.0, round(shift.usual(), 2)
    (1, True, 0.01)
    >>> for at in range(205, 210):
    ...     shift.observe(float(at), {0.0: 50})
    >>> shift.shifted
    0
    """

    margin: float
    falls: bool = False
    learnt: dict[float, int] = {}
    rise: Side | None = None
    fall: Side | None = None
    recent: list[tuple[float, int, float]] = []
    shifted: int = 0
    since: float = 0.0

    def observe(self, at: float, counts: Counts) -> None:
        """Take some observations, which came together.

        Parameters
        ----------
        at
            Seconds since the epoch.
        counts
            How often each value came.
        """
        if self.rise is None:
            self._remember(at, counts)
            self._learn(counts)
            return
        self._remember(at, counts)
        learns = self._room() > 0 and not self._suspects()  # by what came before: else only what fits would be learnt
        sides = [(1, self.rise.bet(at, counts), self.rise)]
        if self.fall is not None:
            sides.append((-1, self.fall.bet(at, {1.0 - value: count for value, count in counts.items()}), self.fall))
        sign, fortune, side = max(sides, key=lambda one: one[1])
        if not self.shifted and fortune >= log(RARE * len(sides)):
            self.shifted, self.since = sign, min(side.since or at, at)
            self.recent = self.recent[-1:]
        elif self.shifted and self.is_usual():
            self.shifted, self.rise, self.fall = 0, None, None
            self._begin_bets()
        elif not self.shifted and learns:
            self._learn(counts)

    def usual(self) -> float:
        """The mean of what was learnt."""
        number = sum(self.learnt.values())
        return sum(value * count for value, count in self.learnt.items()) / number if number else 0.0

    def lately(self) -> float:
        """The mean of the last observations."""
        number = sum(count for _, count, _ in self.recent)
        return sum(total for _, _, total in self.recent) / number if number else 0.0

    def observed_lately(self) -> int:
        return sum(count for _, count, _ in self.recent)

    def is_usual(self) -> bool:
        """Whether enough of the last observations are as they were before."""
        if self.rise is None or self.observed_lately() < RECENT:
            return False
        lately = self.lately()
        return lately <= self.rise.mean and (self.fall is None or 1.0 - lately <= self.fall.mean)

    def is_learnt(self) -> bool:
        return self.rise is not None

    def accept(self) -> None:
        """Take what came lately for usual: the reference is learnt anew."""
        self.learnt, self.rise, self.fall, self.shifted, self.recent = {}, None, None, 0, []

    def learn_from(self, other: "Shift") -> None:
        """Have another's reference: what it learnt is usual for this one, too."""
        self.learnt = dict(other.learnt)
        if sum(self.learnt.values()) >= LEARN:
            self._begin_bets()

    def last_at(self) -> float:
        """When something was observed last; 0 for never."""
        return self.recent[-1][0] if self.recent else 0.0

    def _room(self) -> int:
        return MOST_LEARNT - sum(self.learnt.values())

    def _suspects(self) -> bool:
        sides = [one for one in (self.rise, self.fall) if one is not None]
        return any(max(side.fortunes) > 0.3 for side in sides)

    def _learn(self, counts: Counts) -> None:
        after = dict(self.learnt)
        for value, count in counts.items():
            after[value] = after.get(value, 0) + count
        self.learnt = after
        if sum(after.values()) >= LEARN:
            self._begin_bets()

    def _begin_bets(self) -> None:
        """What was won or lost so far stays, where the reference is only better known now."""
        number = sum(self.learnt.values())
        mean = self.usual()
        careful = (mean * number + 1.0) / (number + 2.0)  # of nothing but zeros it is not sure that none comes
        error = _SURE * sqrt(careful * (1.0 - careful) / number) if not self.falls else _SURE * self._error(number)
        greatest, rise, fall = _within(mean + error + self.margin), self.rise, self.fall
        self.rise = Side(greatest) if rise is None else Side(greatest, rise.fortunes, rise.since)
        if self.falls:
            least = _within(1.0 - mean + error + self.margin)
            self.fall = Side(least) if fall is None else Side(least, fall.fortunes, fall.since)

    def _error(self, number: int) -> float:
        mean = self.usual()
        variance = sum(count * (value - mean) ** 2 for value, count in self.learnt.items()) / number
        return sqrt(max(variance, 1.0 / number**2) / number)

    def _remember(self, at: float, counts: Counts) -> None:
        number = sum(counts.values())
        self.recent = [*self.recent, (at, number, sum(value * count for value, count in counts.items()))]
        while len(self.recent) > 1 and self.observed_lately() - self.recent[0][1] >= RECENT:
            self.recent = self.recent[1:]


def _within(mean: float) -> float:
    return min(max(mean, _LEAST), _GREATEST)
