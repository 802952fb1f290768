"""The last values of a series: what a chart shows of it, and where it is now."""

from collections.abc import Iterator
from statistics import median

import msgspec

from detectors.anomaly.floats import Floats, floats

KEPT = 60
_TRIMMED_AT = 72


class Recent(msgspec.Struct, array_like=True, gc=False):
    """At least the last 60 values, if there were so many, in single precision.

    Parameters
    ----------
    base
        The moment that offsets are from, in seconds.
    offsets, values
        Of the last samples: seconds from ``base``, and their values.

    Examples
    --------
    >>> recent = Recent()
    >>> for at in range(1000, 1200): recent.add(at, at % 4)
    >>> list(recent.points())[-2:], len(list(recent.points())), recent.middle(9), recent.range(9)
    ([(1198.0, 2.0), (1199.0, 3.0)], 60, 2.0, (0.0, 3.0))
    """

    base: float = 0.0
    offsets: Floats = msgspec.field(default_factory=lambda: floats(()))  # seconds from base
    values: Floats = msgspec.field(default_factory=lambda: floats(()))

    def add(self, at: float, value: float) -> None:
        """Note a value; ``at`` in seconds since the epoch, later than the last."""
        if not self.offsets:
            self.base = at
        elif len(self.offsets) >= _TRIMMED_AT:
            self._trim()
        self.offsets.append(at - self.base)
        self.values.append(value)

    def points(self) -> Iterator[tuple[float, float]]:
        """The last 60 as (seconds since the epoch, value)."""
        for offset, value in zip(self.offsets[-KEPT:], self.values[-KEPT:], strict=True):
            yield self.base + offset, value

    def last_at(self) -> float:
        return self.base + self.offsets[-1] if self.offsets else 0.0

    def middle(self, count: int) -> float:
        """The median of the last so many values, of which there must be one."""
        return float(median(self.values[-count:]))

    def range(self, count: int) -> tuple[float, float]:
        """The least and greatest of the last so many values, of which there must be one."""
        last = self.values[-count:]
        return min(last), max(last)

    def _trim(self) -> None:
        gone = len(self.offsets) - KEPT
        shift = self.offsets[gone]
        self.offsets = floats([offset - shift for offset in self.offsets[gone:]])
        self.values = self.values[gone:]
        self.base += shift
