"""Stuck: a series that stays where it is for longer than ever, be it a flat line or a peak that does not come."""

import msgspec

from detectors.anomaly.longest import Longest
from detectors.anomaly.sample import Sample

_BAND = 0.3
_HORIZON = 20_000


class Stuck(msgspec.Struct, array_like=True, gc=False):
    """Surprise, once, when a stay within 30 % of the series' range becomes longer than all earlier ones explain.

    The range forgets its extremes over some 20,000 samples.

    Parameters
    ----------
    surprise
        How much it is.

    Examples
    --------
    >>> detector = Stuck(surprise=3.0)
    >>> beats = [detector.update(Sample(i, i // 5 % 2, 1)) for i in range(60)]
    >>> still = [detector.update(Sample(60 + i, 0, 1)) for i in range(20)]
    >>> sum(beats), sum(still)
    (0.0, 3.0)
    """

    surprise: float
    low: float = 0.0
    high: float = 0.0
    level: float | None = None
    since: float = 0.0
    reported: bool = False
    stays: Longest = msgspec.field(default_factory=Longest)

    def update(self, sample: Sample) -> float:
        if self.level is None:
            self.level = self.low = self.high = sample.value
            self.since = sample.at
        value = sample.value
        low = self.low + (value - self.low) / _HORIZON
        high = self.high + (value - self.high) / _HORIZON
        self.low = low = value if value <= low else low
        self.high = high = value if value >= high else high
        stay = sample.at - self.since
        if abs(value - self.level) > _BAND * (high - low):
            self.stays.add(stay)
            self.level, self.since, self.reported = value, sample.at, False
        elif not self.reported and self.stays.exceeded_by(stay):
            self.reported = True
            return self.surprise
        return 0.0
