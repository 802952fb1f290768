"""Season: values that were seen before, but never at this time of day."""

import math

import msgspec

from detectors.anomaly.floats import Floats, floats
from detectors.anomaly.novelty import Novelty
from detectors.anomaly.sample import Sample

_BINS = 96
_DAY = 86_400
_MEMORY = 0.1


def _nothing() -> Floats:
    return floats([math.nan] * _BINS)


class Season(msgspec.Struct, array_like=True, gc=False):
    """Novelty of what is left of the series without its daily profile.

    The profile is a running mean for each quarter of an hour of the day; a quarter never seen expects nothing.

    Parameters
    ----------
    rest
        The detector of what is left.

    Examples
    --------
    >>> detector = Season(Novelty(spans=(1.0,), reach=0.15))
    >>> days = [detector.update(Sample(3600.0 * hour, hour % 24, 3600)) for hour in range(240)]
    >>> max(days[24:]), detector.update(Sample(3600.0 * 243, 15, 3600)) > 1
    (0.0, True)
    """

    rest: Novelty
    profile: Floats = msgspec.field(default_factory=_nothing)

    def update(self, sample: Sample) -> float:
        quarter = int(sample.at % _DAY * _BINS / _DAY)
        expected = self.profile[quarter]
        if math.isnan(expected):
            self.profile[quarter] = sample.value
            return 0.0
        rest = sample.value - expected
        self.profile[quarter] = expected + _MEMORY * rest
        return self.rest.update(Sample(sample.at, rest, sample.interval))
