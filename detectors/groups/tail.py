"""The tail of peaks: how large one has to be to come by chance once in a given time, and no more often."""

import math

import msgspec

KEPT = 32
SPANS = 4
_SAME_EVENT = 600.0
_LEAST = 0.3
_LEAST_TIME = 3600.0
_PRIOR_SHAPE = 0.5
_PRIOR_WEIGHT = 4


class Peak(msgspec.Struct, array_like=True):
    """``at`` in seconds since the epoch.

    Parameters
    ----------
    value
        A sum of rarities.
    at
        Seconds since the epoch.

    Examples
    --------
    >>> Peak(value=1.5, at=60.0).value
    1.5
    """

    value: float
    at: float


class Tail(msgspec.Struct, array_like=True):
    """Peaks over a threshold, as extreme value theory fits them.

    Of the peaks of the last four spans the 32 largest are kept. From ``u``, their median, up there are ``k`` peaks in
    the time ``h``, so that a peak above ``z`` is to be expected ``(k / h) (z / u)^(-1 / ξ)`` times a second, with a
    Pareto tail whose ``ξ`` is Hill's estimate. Solved for once in ``span``: ``z = u (k span / h)^ξ``. Peaks count by
    when they come and not by how many samples there are: the number of series and their interval do not matter.

    Few peaks say little: one of 0.3 is taken for seen, ``ξ`` is drawn towards ½ as if four peaks had said so, and taken
    one standard error too large. So a group that was seen for a short time has to surprise more. What is nearer than
    ten minutes is one event and one peak.

    Siffer, Fouque, Termier and Largouët, "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017; Hill, "A
    simple general approach to inference about the tail of a distribution", Annals of Statistics 1975.

    Parameters
    ----------
    began
        When the group had learnt enough, in seconds since the epoch; None before.
    peaks
        In the order of time, 32 and the one that is not over.

    Examples
    --------
    >>> hour, week = 3600.0, 7 * 86_400.0
    >>> tail = Tail(began=0.0)
    >>> for n in range(700): tail.add(1 + n % 3 / 10, n * hour, week)
    >>> round(tail.threshold(700 * hour, week), 1)
    1.4
    >>> [tail.add(40.0, (700 + n) * hour, week) for n in (1, 2, 3)]
    [None, None, None]
    >>> round(tail.threshold(704 * hour, week), 1)
    3.5

    References
    ----------
    Siffer, Fouque, Termier and Largouët: Anomaly detection in streams with extreme value theory. KDD 2017.
    Hill: A simple general approach to inference about the tail of a distribution. Annals of Statistics 3, 1975.
    """

    began: float | None = None
    peaks: list[Peak] = []  # in the order of time; the last beside the 32

    def add(self, value: float, at: float, span: float, goes_on: bool = False) -> None:
        """Note a peak; ``span`` as in :meth:`threshold`. ``goes_on`` says that it is of the last one's event."""
        if self.began is None:
            self.began = at
        if self.peaks and (goes_on or at - self.peaks[-1].at < _SAME_EVENT):
            self.peaks[-1].value = max(self.peaks[-1].value, value)
            return
        oldest = at - SPANS * span
        kept = [peak for peak in self.peaks if peak.at > oldest]
        if len(kept) > KEPT:
            kept.remove(min(kept, key=lambda peak: peak.value))
        self.peaks = [*kept, Peak(value, at)]

    def threshold(self, now: float, span: float) -> float:
        """What is exceeded by chance once in ``span`` seconds."""
        began = now if self.began is None else self.began
        values = sorted((peak.value for peak in self.peaks if peak.at > now - SPANS * span), reverse=True)
        if len(values) < _PRIOR_WEIGHT:
            values.append(_LEAST)
        count = max(min(len(values), _PRIOR_WEIGHT), len(values) // 2)
        values = values[:count]
        least = min(values)
        seen = max(min(now - began, SPANS * span), min(_LEAST_TIME, span))
        weight = count + _PRIOR_WEIGHT
        shape = (sum(math.log(value / least) for value in values) + _PRIOR_WEIGHT * _PRIOR_SHAPE) / weight
        shape += shape / math.sqrt(weight)
        return max(_LEAST, least * math.pow(max(1.0, count * span / seen), shape))
