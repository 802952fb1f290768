"""How many lines a window usually has, and how surprising a count is beside that."""

import math
from typing import NamedTuple


class Baseline(NamedTuple):
    """Mean and variance of a count on Anscombe's scale, where a Poisson count has variance 1 whatever its mean.

    ``windows`` were learnt from; the past fades with a memory of ``MEMORY`` windows.

    References
    ----------
    Anscombe: The transformation of Poisson, binomial and negative-binomial data. Biometrika 35, 1948.

    Examples
    --------
    >>> usual = Baseline()
    >>> for count in [9, 11, 10, 12, 8, 10]:
    ...     usual = usual.learn(count)
    >>> round(usual.expected()), abs(usual.surprise(12)) < 2, usual.surprise(60) > 6
    (10, True, True)
    """

    mean: float = 0.0
    variance: float = 1.0
    windows: int = 0

    def surprise(self, count: float) -> float:
        """How many standard deviations above what is usual, negative below. Less than Poisson's is never assumed."""
        return (_stable(count) - self.mean) / math.sqrt(max(self.variance, 1.0))

    def expected(self) -> float:
        return max((self.mean / 2) ** 2 - 3 / 8, 0.0)

    def learn(self, count: float) -> "Baseline":
        if not self.windows:
            return Baseline(_stable(count), 1.0, 1)
        weight = max(1 / (self.windows + 1), 1 / MEMORY)
        # A fault shall not become the custom at once: what lies far out counts as the edge of the usual.
        edge = USUAL * math.sqrt(max(self.variance, 1.0))
        step = min(max(_stable(count) - self.mean, -edge), edge)
        variance = (1 - weight) * (self.variance + weight * step * step)
        return Baseline(self.mean + weight * step, variance, self.windows + 1)


MEMORY = 500
USUAL = 3.0


def _stable(count: float) -> float:
    return 2 * math.sqrt(count + 3 / 8)


def score(surprise: float) -> float:
    """Surprise as a score between 0 and 1: the share of normal windows that surprise less."""
    return math.erf(abs(surprise) / math.sqrt(2))
