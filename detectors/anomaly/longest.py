"""The longest durations seen, and whether another one is out of all proportion to them."""

import math

import msgspec

from detectors.anomaly.floats import Floats, doubles

KEPT = 8
_SPREAD = 0.1
_SURPRISE = 5.0


class Longest(msgspec.Struct, array_like=True, gc=False):
    """The tail of durations: the 8 longest, with the Pareto tail that Hill's estimator fits to them.

    A duration exceeds them when its chance under that tail is below e⁻⁵. Where all durations are alike, 1.65 times
    the longest is enough; where they vary by orders of magnitude, it takes orders of magnitude.

    Hill, "A simple general approach to inference about the tail of a distribution", Annals of Statistics 1975.

    Parameters
    ----------
    durations
        The eight longest, in seconds, ascending.

    Examples
    --------
    >>> longest = Longest()
    >>> for _ in range(8): longest.add(60.0)
    >>> longest.exceeded_by(90.0), longest.exceeded_by(120.0)
    (False, True)

    References
    ----------
    Hill: A simple general approach to inference about the tail of a distribution. Annals of Statistics 3, 1975.
    """

    durations: Floats = msgspec.field(default_factory=doubles)  # ascending

    def add(self, duration: float) -> None:
        durations = self.durations
        if len(durations) < KEPT or duration > durations[0]:
            self.durations = doubles(sorted([*durations, duration])[-KEPT:])

    def exceeded_by(self, duration: float) -> bool:
        durations = self.durations
        if len(durations) < KEPT or duration <= durations[-1] or durations[0] <= 0:
            return False
        least = durations[0]
        spread = sum(math.log(one / least) for one in self.durations) / KEPT
        return math.log(duration / least) >= _SURPRISE * (spread + _SPREAD)
