"""Step: a change from one sample to the next unlike any that was seen before."""

import msgspec

from detectors.anomaly.novelty import Novelty
from detectors.anomaly.sample import Sample

_LEARNING = 200
_DAY = 86_400.0


class Step(msgspec.Struct, array_like=True, gc=False):
    """Novelty of differences between neighbours: jumps within the range of what was seen.

    The first 200 and those of the first day only teach: a day's largest step may come once.

    Parameters
    ----------
    steps
        The detector of differences.
    last
        The last value; None before the first.
    began
        When the first came, in seconds since the epoch.

    Examples
    --------
    >>> detector = Step(Novelty(spans=(1.0,), reach=0.1))
    >>> wave = [detector.update(Sample(600.0 * at, abs(at % 40 - 20), 1)) for at in range(400)]
    >>> max(wave), detector.update(Sample(240_000.0, 5.0, 1)) > 5
    (0.0, True)
    """

    steps: Novelty
    last: float | None = None
    began: float = 0.0

    def update(self, sample: Sample) -> float:
        last, self.last = self.last, sample.value
        if last is None:
            self.began = sample.at
            return 0.0
        surprise = self.steps.update(Sample(sample.at, sample.value - last, sample.interval))
        return surprise if self.steps.count > _LEARNING and sample.at - self.began > _DAY else 0.0
