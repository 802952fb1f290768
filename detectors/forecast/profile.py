"""Profile: what is usual at each time of a period, such as the day or the week."""

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.forecast.arrays import Array, Small

_FEWEST = 8


class Profile(msgspec.Struct, array_like=True, gc=False):
    """Running means of the parts of a period, and between them a line.

    Parameters
    ----------
    period
        Seconds of the period.
    step
        Seconds of the steps that are learnt.
    means
        One for each part; NaN where nothing was learnt yet.
    least
        What counts of each new value at the least; in the first periods it is as much as makes the mean of them.
    began
        The first step that was learnt; -1 before it.

    Examples
    --------
    >>> day = Profile.of(86_400.0, step=3600.0, parts=24, least=0.1)
    >>> for hour in range(48): day.learn(hour, float(hour % 24))
    >>> day.expected(np.array([50, 51])).tolist()
    [2.0, 3.0]
    """

    period: float
    step: float
    means: Small
    least: float
    began: int = -1

    @classmethod
    def of(cls, period: float, step: float, parts: int, least: float) -> "Profile":
        """A profile of so many parts, or fewer where there are fewer steps in the period; of too few it has none."""
        parts = min(parts, int(period // step))
        return cls(period, step, np.full(parts if parts >= _FEWEST else 0, np.nan, np.float32), least)

    def expected(self, numbers: npt.NDArray[np.int64]) -> Array:
        """What is usual in each of these steps; NaN where that is not known."""
        size = len(self.means)
        if not size:
            return np.full(len(numbers), np.nan)
        place = ((numbers + 0.5) * self.step % self.period) * (size / self.period)
        own = np.minimum(place.astype(int), size - 1)
        offset = place - own - 0.5
        beside = (own + np.sign(offset).astype(int)) % size
        here, there = self.means[own].astype(float), self.means[beside].astype(float)
        between: Array = here + np.abs(offset) * (np.where(np.isnan(there), here, there) - here)
        return between

    def learn(self, number: int, value: float) -> None:
        """Take the mean of a step."""
        size = len(self.means)
        if not size:
            return
        self.began = number if self.began < 0 else self.began
        own = min(int((number + 0.5) * self.step % self.period * size / self.period), size - 1)
        known = self.means[own]
        periods = (number - self.began) * self.step // self.period
        weight = max(self.least, 1.0 / (1.0 + max(periods, 0.0)))
        self.means[own] = value if np.isnan(known) else known + weight * (value - known)
