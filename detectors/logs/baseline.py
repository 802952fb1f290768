"""How many lines a window usually has, and how surprising a count is beside that."""

import math
from statistics import NormalDist
from typing import NamedTuple


class Baseline(NamedTuple):
    """Mean and variance of a count on Anscombe's scale, where a Poisson count has variance 1 whatever its mean.

    ``windows`` were learnt from; the past fades with a memory of ``MEMORY`` windows. ``high`` and ``low`` are the
    largest and smallest count of late: of how far counts have gone, half is forgotten in three days of minutes.

    Parameters
    ----------
    mean, variance
        Of counts on Anscombe's scale.
    windows
        How many were learnt from.
    high, low
        The extreme counts of the last days, in lines a window.

    Examples
    --------
    >>> usual = Baseline()
    >>> for count in [9, 11, 10, 12, 8, 10]:
    ...     usual = usual.learn(count)
    >>> round(usual.expected()), abs(usual.surprise(12)) < 2, usual.surprise(60) > 6
    (10, True, True)

    References
    ----------
    Anscombe: The transformation of Poisson, binomial and negative-binomial data. Biometrika 35, 1948.
    """

    mean: float = 0.0
    variance: float = 1.0
    windows: int = 0
    high: float = 0.0
    low: float = 0.0

    def surprise(self, count: float) -> float:
        """How many standard deviations above what is usual, negative below. Less than Poisson's is never assumed."""
        return (_stable(count) - self.mean) / math.sqrt(max(self.variance, 1.0))

    def expected(self) -> float:
        return max((self.mean / 2) ** 2 - 3 / 8, 0.0)

    def departs(self, count: float, surprise: float) -> bool:
        """Whether a count surprises more than ``surprise`` and lies well outside all that came of late.

        The second is what the hourly job and the morning's rise do not pass, which surprise a mean.
        """
        if abs(self.surprise(count)) <= surprise:
            return False
        return count > BEYOND * self.high or count * BEYOND < self.low

    def learn(self, count: float, abnormal: bool = False) -> "Baseline":
        """With one more window; what is abnormal does not become the largest or smallest of late."""
        if not self.windows:
            return Baseline(_stable(count), 1.0, 1, count, count)
        weight = max(1 / (self.windows + 1), 1 / MEMORY)
        # A fault shall not become the custom at once: what lies far out counts as the edge of the usual.
        edge = USUAL * math.sqrt(max(self.variance, 1.0))
        step = min(max(_stable(count) - self.mean, -edge), edge)
        variance = (1 - weight) * (self.variance + weight * step * step)
        high, low = (self.high, self.low) if abnormal else (count, count)
        high, low = max(high, self.high * FADE), min(low, self.low / FADE)
        return Baseline(self.mean + weight * step, variance, self.windows + 1, high, low)

    def join(self, other: "Baseline") -> "Baseline":
        """What two counts have been together, when both have been one all along."""
        mean = _stable(self.expected() + other.expected())
        windows = max(self.windows, other.windows)
        return Baseline(mean, max(self.variance, other.variance), windows, self.high + other.high, self.low + other.low)


MEMORY = 500
USUAL = 3.0
BEYOND = 1.5
FADE = 0.5 ** (1 / (3 * 24 * 60))
HEAVIER = 1.25


def _stable(count: float) -> float:
    return 2 * math.sqrt(count + 3 / 8)


def surprise_for(chance: float) -> float:
    """The surprise that a window's count exceeds, to either side, with this chance.

    Of a normal distribution, and a quarter more, because the tails of real counts are heavier.

    Parameters
    ----------
    chance
        Between 0 and 1.

    Returns
    -------
    Standard deviations on Anscombe's scale.

    Examples
    --------
    >>> round(surprise_for(1e-6), 1)
    6.1
    """
    return HEAVIER * NormalDist().inv_cdf(1 - min(chance, 1.0) / 2)


def score(surprise: float) -> float:
    """Surprise as a score between 0 and 1: the share of normal windows that surprise less.

    Parameters
    ----------
    surprise
        Standard deviations.

    Returns
    -------
    Between 0 and 1.

    Examples
    --------
    >>> score(0.0), score(6.0) > 0.99
    (0.0, True)
    """
    return math.erf(abs(surprise) / math.sqrt(2))
