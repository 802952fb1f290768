"""Deviation: averages of what is left of a series that lie far outside their own spread."""

import math

import msgspec

from detectors.anomaly.floats import Floats, doubles

_SPANS = (8.0, 16.0, 32.0)
_LEARNING = 200
_MEMORY = 1000
_SPREADS = 5.0
_CLIPPED_AT = 4.0
_LEAST_SHARE = 0.01
_SHARE_OF_EACH = 0.4
_RANGE_HORIZON = 20_000


_PLACES = range(0, 3 * len(_SPANS), 3)
_SPANS_AT = tuple(zip(_SPANS, _PLACES, strict=True))
_LOW, _HIGH = _PLACES.stop, _PLACES.stop + 1


def _unknown() -> Floats:
    return doubles([0.0] * (_LOW + 2))


class Deviation(msgspec.Struct, array_like=True, gc=False):
    """Surprise at averages that are within the range of what was seen, and yet far from where they usually are.

    Novelty tells by range what never was; this tells by density what hardly ever is. Running averages over 8, 16 and
    32 samples are compared with their own centre and standard deviation over some 1,000, to which a sample adds at
    most 4 of these, so an anomaly hides no other. Beyond 5 an average surprises by the logarithm of what is more. A
    spread counts as one hundredth of the range at least, so that a series of few distinct values may move.

    Parameters
    ----------
    count
        Samples seen; the first 200 are for learning.
    averages
        For each span the average, the centre of where it usually is, and its variance about that; behind them the
        range of the samples, which forgets its extremes over some 20,000.

    Examples
    --------
    >>> detector = Deviation()
    >>> usual = [detector.update(float(at % 7)) for at in range(1000)]
    >>> max(usual), max(detector.update(6.0) for at in range(20)) > 0.5
    (0.0, True)
    """

    count: int = 0
    averages: Floats = msgspec.field(default_factory=_unknown)

    def update(self, rest: float) -> float:
        """The surprise in the next sample of what is left of the series."""
        self.count = count = self.count + 1
        averages, learnt, surprise = self.averages, count > _LEARNING, 0.0
        share = 1 / (count if count < _MEMORY else _MEMORY)
        least = _LEAST_SHARE * self._range(rest)
        for span, at in _SPANS_AT:
            mean, centre, variance = averages[at], averages[at + 1], averages[at + 2]
            mean += (rest - mean) / (span if span < count else count)
            away = mean - centre
            if learnt and variance > 0:
                spread = math.sqrt(variance)
                spreads = abs(away) / (spread if spread > least else least)
                if spreads > _SPREADS:
                    surprise += math.log1p(spreads - _SPREADS)
                most = _CLIPPED_AT * spread
                away = most if away > most else -most if away < -most else away
            averages[at] = mean
            averages[at + 1] = centre + share * away
            averages[at + 2] = variance + share * (away * away - variance)
        return _SHARE_OF_EACH * surprise

    def _range(self, rest: float) -> float:
        low, high = self.averages[_LOW], self.averages[_HIGH]
        low += (rest - low) / _RANGE_HORIZON
        high += (rest - high) / _RANGE_HORIZON
        self.averages[_LOW] = low = rest if rest <= low else low
        self.averages[_HIGH] = high = rest if rest >= high else high
        return high - low
