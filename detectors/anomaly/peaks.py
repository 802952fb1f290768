"""Peaks: from surprise to a score that means the same for every series; one event scores once."""

import msgspec

from detectors.anomaly.floats import Floats, doubles

KEPT = 32
ALARM = 0.5
_RARITY = 0.08
_QUIET_SHARE = 0.02
_QUIET_LONGEST = 400.0


class Peaks(msgspec.Struct, array_like=True, gc=False):
    """Weighs each surprise against the series' own earlier peaks: who surprises often has to surprise more.

    A peak is the largest surprise until none was larger for a quiet time, 2 % of the samples seen and 400 at most. A
    surprise ``s`` has rarity ``r = s / (1 + Σ min(1, pᵢ / s))`` among the last 32 peaks ``pᵢ``: its size over how many
    peaks were as large, each counted by the share of ``s`` that it reached. It scores ``r / (r + 0.08)``, unless a
    larger one was told within its peak, or an event that alarmed goes on: it does until there was no surprise at all
    for a quiet time.

    Parameters
    ----------
    count
        Samples seen.
    earlier, latest, latest_at, alarm_at
        The last 32 peaks, and the one that is not over.

    Examples
    --------
    >>> peaks = Peaks()
    >>> calm = [peaks.score(0.0) for _ in range(1000)]
    >>> peaks.score(4.0) > ALARM, peaks.score(9.0)
    (True, 0.0)
    """

    count: int = 0
    earlier: Floats = msgspec.field(default_factory=doubles)
    latest: float = 0.0
    latest_at: int = 0
    alarm_at: int | None = None  # when the event that alarmed last surprised

    def score(self, surprise: float) -> float:
        """The score in [0, 1] of the next sample's surprise."""
        self.count += 1
        if surprise <= 0:
            return 0.0
        quiet = min(_QUIET_SHARE * self.count, _QUIET_LONGEST)
        if self.latest and self.count - self.latest_at > quiet:
            self.earlier = doubles([*self.earlier, self.latest][-KEPT:])
            self.latest = 0.0
        goes_on = self.alarm_at is not None and self.count - self.alarm_at <= quiet
        if goes_on:
            self.alarm_at = self.count
        if surprise <= self.latest:
            return 0.0
        self.latest, self.latest_at = surprise, self.count
        if goes_on:
            return 0.0
        rarity = surprise / (1 + sum(min(1.0, peak / surprise) for peak in self.earlier))
        score = rarity / (rarity + _RARITY)
        if score >= ALARM:
            self.alarm_at = self.count
        return score
