"""Gaps: samples that come later than they ever did."""

import msgspec

from detectors.anomaly.longest import Longest
from detectors.anomaly.sample import Sample


class Gaps(msgspec.Struct, array_like=True, gc=False):
    """Surprise at the end of a silence that earlier intervals do not explain.

    Parameters
    ----------
    surprise
        How much it is.

    Examples
    --------
    >>> detector = Gaps(surprise=3.0)
    >>> sum(detector.update(Sample(60.0 * i, 1.0, 60.0)) for i in range(20))
    0.0
    >>> detector.update(Sample(1800, 1.0, 600.0))
    3.0
    """

    surprise: float
    intervals: Longest = msgspec.field(default_factory=Longest)

    def update(self, sample: Sample) -> float:
        late = self.intervals.exceeded_by(sample.interval)
        self.intervals.add(sample.interval)
        return self.surprise if late else 0.0
