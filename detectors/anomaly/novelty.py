"""Novelty: contexts unlike any that was seen before.

The context of a sample is a handful of running averages of the series. A bounded set of prototypes covers all contexts
seen; a context that no prototype covers is new, and becomes a prototype itself. This is the category learning of fuzzy
adaptive resonance theory (Carpenter, Grossberg and Rosen, Neural Networks 1991) with a nearest neighbour's distance.
"""

from collections.abc import Iterable

import msgspec

from detectors.anomaly.floats import Floats, doubles, floats, shared
from detectors.anomaly.sample import Sample

PROTOTYPES = 64
HORIZON = 20_000


class Novelty(msgspec.Struct, array_like=True, gc=False):
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
    >>> detector = Novelty(spans=(1.0,), reach=0.1)
    >>> [round(detector.update(Sample(at, value, 1)), 2) for at, value in enumerate([0, 10, 5, 5.5, 20])]
    [0.0, 10.0, 5.0, 0.0, 5.0]
    """

    spans: tuple[float, ...]
    reach: float
    count: int = 0
    means: list[float] = []
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    unused: tuple[float, ...] = ()  # where an older version kept its tolerance
    prototypes: Floats = msgspec.field(default_factory=floats)  # one behind the other, that which matched last first
    fresh: int = 0  # how many, from the first, matched since the last sweep

    def __post_init__(self) -> None:
        self.spans, self.unused = shared(self.spans), ()

    def update(self, sample: Sample) -> float:
        self._average(sample.value)
        at = self._match()
        surprise = self._distance() if at is None else 0.0
        if at:
            self._put_first(at)
        elif at is None:
            self._remember()
        if at is None or at >= self.fresh * len(self.spans):
            self.fresh = min(self.fresh + 1, PROTOTYPES)
        if self.count % HORIZON == 0:
            self._sweep()
        return surprise

    def recent_range(self, prototypes: int) -> tuple[float, float]:
        """Least and greatest first average of so many prototypes: those that matched last, before the last sample."""
        places = self.prototypes[:: len(self.spans)]
        before = places[1 : 1 + prototypes] or places or doubles([0.0])
        return min(before), max(before)

    def forget_newest(self, samples: int, old: float, new: float) -> None:
        """Forget contexts of the last so many samples whose first average is nearer to a new level than to the old."""
        width = len(self.spans)
        for at in reversed(range(0, min(samples * width, len(self.prototypes)), width)):
            if abs(self.prototypes[at] - new) < abs(self.prototypes[at] - old):
                del self.prototypes[at : at + width]
                self.fresh = max(0, self.fresh - 1)

    def _average(self, value: float) -> None:
        if not self.means:
            self.means = [value] * len(self.spans)
            self._widen(self.means, self.means)
        self.count = count = self.count + 1
        means, low, high, wider = self.means, self.low, self.high, False
        for i, span in enumerate(self.spans):
            mean = means[i]
            means[i] = mean = mean + (value - mean) / (span if span < count else count)
            if not low[i] <= mean <= high[i]:
                wider = True
        if wider:
            self._widen(map(min, low, means), map(max, high, means))

    def _widen(self, low: Iterable[float], high: Iterable[float]) -> None:
        self.low, self.high = tuple(low), tuple(high)

    def _tolerance(self) -> list[float]:
        return [self.reach * (most - least) for least, most in zip(self.low, self.high, strict=True)]

    def _match(self) -> int | None:
        """Where the first prototype begins that is within reach."""
        prototypes, width, mean, at = self.prototypes, len(self.spans), self.means[0], 0
        most = self.reach * (self.high[0] - self.low[0])
        least = -most
        if width == 1:
            for prototype in prototypes:  # this loop is the hot one
                if least <= mean - prototype <= most:
                    return at
                at += 1
            return None
        for prototype in prototypes[::width]:
            if least <= mean - prototype <= most and self._covers(at):
                return at
            at += width
        return None

    def _covers(self, at: int) -> bool:
        """Whether the prototype that begins there, and is within reach by its first average, is so by the others."""
        means, prototypes, reach, low, high = self.means, self.prototypes, self.reach, self.low, self.high
        for i in range(1, len(means)):
            most = reach * (high[i] - low[i])
            if not -most <= means[i] - prototypes[at + i] <= most:
                return False
        return True

    def _distance(self) -> float:
        """How many reaches the nearest prototype is away."""
        if not self.prototypes:
            return 0.0
        width, reaches = len(self.spans), []
        for place, (mean, most) in enumerate(zip(self.means, self._tolerance(), strict=True)):
            scale = 1 / most if most else 0.0
            reaches.append([abs(mean - prototype) * scale for prototype in self.prototypes[place::width]])
        return min(reaches[0] if width == 1 else map(max, *reaches))

    def _put_first(self, at: int) -> None:
        end = at + len(self.spans)
        prototype = self.prototypes[at:end]
        del self.prototypes[at:end]
        self.prototypes[:0] = prototype

    def _remember(self) -> None:
        self.prototypes[:0] = floats(self.means)
        del self.prototypes[PROTOTYPES * len(self.spans) :]

    def _sweep(self) -> None:
        width = len(self.spans)
        del self.prototypes[self.fresh * width :]
        self.fresh = 0
        columns = [self.prototypes[place::width] for place in range(width)]
        self._widen(map(min, columns), map(max, columns))
