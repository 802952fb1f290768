"""What a detector sees of a series: one sample after the other."""

import math
from typing import NamedTuple

import msgspec

from detectors.anomaly.counter import Counter

_LARGEST = 1e30


class Sample(NamedTuple):
    """``at`` and ``interval``, since the last sample, are in seconds; ``value`` is relative to the series' level.

    Parameters
    ----------
    at
        Seconds since the epoch.
    value
        In the unit of the series, over its scale, less its first value.
    interval
        Seconds since the sample before; 0 for the first.
    clock
        Seconds whose time of day and day of the week count for seasons; None where these are those of ``at``.

    Examples
    --------
    >>> Sample(at=60.0, value=1.5, interval=60.0).interval
    60.0
    """

    at: float
    value: float
    interval: float
    clock: float | None = None


class Intake(msgspec.Struct, array_like=True, gc=False):
    """Turns timestamps and values into samples.

    Parameters
    ----------
    counter
        Present where the series is a counter, of which the rate of increase is watched.
    first, last
        What counts as zero, at first the first value; and when the last sample came.
    scale
        What counts as one: a new level that is known to be usual is the old one in another scale.

    Examples
    --------
    >>> intake = Intake()
    >>> [intake.sample(at, 7.0 + at) for at in (0.0, 60.0)]
    [Sample(at=0.0, value=0.0, interval=0.0, clock=None), Sample(at=60.0, value=60.0, interval=60.0, clock=None)]
    >>> intake.sample(60, 1.0), intake.sample(30, 1.0), intake.sample(90, math.nan)
    (None, None, None)
    """

    counter: Counter | None = None
    first: float | None = None
    last: float = -math.inf
    scale: float = 1.0

    def sample(self, timestamp: float, value: float) -> Sample | None:
        """The next sample, or None for what is no finite number, a duplicate, out of order, or a counter's first."""
        before = self.last
        if not (math.isfinite(value) and math.isfinite(timestamp)) or timestamp <= before:
            return None
        self.last = timestamp
        rate = self.counter.rate(timestamp, value) if self.counter else value
        if rate is None:
            return None
        rate = (_LARGEST if rate > _LARGEST else -_LARGEST if rate < -_LARGEST else rate) / self.scale
        if self.first is None:
            self.first, before = rate, timestamp
        return Sample(timestamp, rate - self.first, timestamp - before)

    def relative(self, value: float) -> float:
        """A sample's value, of one in the unit of the series."""
        return value / self.scale - (self.first or 0.0)

    def in_unit(self, value: float) -> float:
        """A sample's value in the unit of the series."""
        return ((self.first or 0.0) + value) * self.scale
