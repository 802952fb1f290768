"""Timing: how far the moments of past crossings may be trusted, and so how wide the next one's interval is."""

from math import inf, isinf, isnan, nan

import msgspec

from detectors.forecast.crossing import SHARE, Crossing

_RATE = 0.05
"""As of the intervals of values: see :mod:`detectors.forecast.errors`."""
_LEAST, _LEAST_FINITE = -0.3, 0.02
_LIKELY = 0.5
"""What is less probable is no claim that the limit will be crossed."""


class Timing(msgspec.Struct, array_like=True, gc=False):
    """A limit is looked at because a forecast nears it, so crossings come later than one in ten futures says, or not at
    all, and of what hovers at it sooner. Therefore each interval that was claimed is compared with what came, one at a
    time: a crossing that came later, or not by then, lets the next interval end later, and one that came sooner lets it
    begin sooner; each that held takes back a little (Gibbs and Candès, 2021). It is never narrower than the futures
    say; where they have been wrong too often, it begins now, or does not end within the horizon.

    Parameters
    ----------
    early, late
        The shares of futures that are left out on both sides; with none, it begins now or has no end.
    begins, ends
        The interval that was claimed and is not judged yet, in seconds since the epoch; NaN for none.

    Examples
    --------
    >>> timing = Timing()
    >>> def claim(at): return timing.look(at, False, Crossing(0.9, 60.0, 90.0, 120.0))
    >>> [claim(at).latest for at in (0.0, 200.0, 400.0, 600.0)]
    [120.0, 120.0, 120.0, inf]
    >>> held = [(claim(at), timing.look(at + 100.0, True, None)) for at in range(1000, 41000, 1000)]
    >>> claim(41000.0).latest
    120.0

    References
    ----------
    Gibbs, Candès: Adaptive conformal inference under distribution shift. NeurIPS, 2021.
    """

    early: float = SHARE
    late: float = SHARE
    begins: float = nan
    ends: float = nan

    @property
    def shares(self) -> tuple[float, float]:
        """Of the futures, for :func:`detectors.forecast.crossing.crossing`."""
        return max(self.early, _LEAST_FINITE), max(self.late, _LEAST_FINITE)

    def look(self, at: float, beyond: bool, found: Crossing | None) -> Crossing | None:
        """What to say of a crossing that is forecast with these shares, once it is judged what was claimed before.

        Parameters
        ----------
        at
            Now, in seconds since the epoch.
        beyond
            Whether the limit is crossed.
        found
            What is forecast; None where nothing is.
        """
        if not isnan(self.ends) and (beyond or at > self.ends):
            self.early = _adapted(self.early, at < self.begins)
            self.late = _adapted(self.late, at > self.ends)
            self.begins = self.ends = nan
        if beyond or found is None:
            return found
        if isnan(self.ends) and found.probability > _LIKELY and not isinf(found.latest):
            self.begins, self.ends = at + found.earliest, at + found.latest
        shown = found if self.late > 0 else found._replace(latest=inf)
        return shown if self.early > 0 else shown._replace(earliest=0.0)


def _adapted(share: float, missed: bool) -> float:
    return min(max(share + _RATE * (SHARE - missed), _LEAST), SHARE)
