"""Novelty: contexts unlike any that was seen before.

The context of a sample is a handful of running averages of the series. A bounded set of prototypes covers all contexts
seen; a context that no prototype covers is new, and becomes a prototype itself. This is the category learning of fuzzy
adaptive resonance theory (Carpenter, Grossberg and Rosen, Neural Networks 1991) with a nearest neighbour's distance.
"""

import msgspec

from detectors.anomaly.floats import Floats, floats
from detectors.anomaly.sample import Sample

PROTOTYPES = 64
HORIZON = 20_000


class Novelty(msgspec.Struct, array_like=True):
    """Surprise at contexts never seen: spikes and new levels with short spans, shifts and drifts with long ones.

    Parameters
    ----------
    spans
        Lengths of the running averages that make up the context, in samples; 1 is the value itself.
    reach
        How far a prototype reaches, as a share of the range of what was seen. A context at ``n`` reaches from the
        nearest prototype has surprise ``n``.

    State: up to 64 prototypes. Those that match nothing in 20,000 samples, counted from one sweep to the next, are
    forgotten, and with them the range of what was seen.

    Examples
    --------
    >>> detector = Novelty(spans=[1.0], reach=0.1)
    >>> [round(detector.update(Sample(at, value, 1)), 2) for at, value in enumerate([0, 10, 5, 5.5, 20])]
    [0.0, 10.0, 5.0, 0.0, 5.0]
    """

    spans: list[float]
    reach: float
    count: int = 0
    means: list[float] = []
    low: list[float] = []
    high: list[float] = []
    tolerance: list[float] = []
    prototypes: list[Floats] = []  # the one that matched last comes first
    fresh: int = 0  # how many, from the first, matched since the last sweep

    def update(self, sample: Sample) -> float:
        self._average(sample.value)
        index = self._match()
        surprise = self._distance() if index is None else 0.0
        if index != 0:
            self.prototypes.insert(0, floats(self.means) if index is None else self.prototypes.pop(index))
            del self.prototypes[PROTOTYPES:]
        if index is None or index >= self.fresh:
            self.fresh = min(self.fresh + 1, PROTOTYPES)
        if self.count % HORIZON == 0:
            self._sweep()
        return surprise

    def recent_range(self, prototypes: int) -> tuple[float, float]:
        """Least and greatest first average of so many prototypes: those that matched last, before the last sample."""
        places = [prototype[0] for prototype in self.prototypes[1 : 1 + prototypes] or self.prototypes] or [0.0]
        return min(places), max(places)

    def _average(self, value: float) -> None:
        if not self.means:
            self.means = [value] * len(self.spans)
            self.low, self.high, self.tolerance = self.means[:], self.means[:], [0.0] * len(self.spans)
        self.count += 1
        for i, span in enumerate(self.spans):
            mean = self.means[i]
            mean += (value - mean) / (span if span < self.count else self.count)
            self.means[i] = mean
            if not self.low[i] <= mean <= self.high[i]:
                self.low[i], self.high[i] = min(self.low[i], mean), max(self.high[i], mean)
                self.tolerance[i] = self.reach * (self.high[i] - self.low[i])

    def _match(self) -> int | None:
        """The first prototype that is within reach."""
        means, tolerance = self.means, self.tolerance
        for index, prototype in enumerate(self.prototypes):
            for mean, place, most in zip(means, prototype, tolerance):  # noqa: B905  (this loop is the hot one)
                if not -most <= mean - place <= most:
                    break
            else:
                return index
        return None

    def _distance(self) -> float:
        """How many reaches the nearest prototype is away."""
        scales = [1 / most if most else 0.0 for most in self.tolerance]
        return min((self._reaches(prototype, scales) for prototype in self.prototypes), default=0.0)

    def _reaches(self, prototype: Floats, scales: list[float]) -> float:
        return max(abs(mean - p) * scale for mean, p, scale in zip(self.means, prototype, scales, strict=True))

    def _sweep(self) -> None:
        del self.prototypes[self.fresh :]
        self.fresh = 0
        columns = list(zip(*self.prototypes, strict=True))
        self.low, self.high = [min(column) for column in columns], [max(column) for column in columns]
        self.tolerance = [self.reach * (high - low) for high, low in zip(self.high, self.low, strict=True)]
