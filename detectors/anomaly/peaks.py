"""Peaks: from surprise to a score that means the same for every series; one event scores once."""

import msgspec

from detectors.anomaly.floats import Floats, floats

KEPT = 32
ALARM = 0.5
RARITY = 0.1
"""Of what just alarms."""
_QUIET_SHARE = 0.02
_QUIET_LONGEST = 400.0
_LARGER = 1.1
_WORSE = 4.0
_HALF_LIFE = 20_000.0


class Peaks(msgspec.Struct, array_like=True, gc=False):
    """Weighs each surprise against the series' own earlier peaks: who surprises often has to surprise more.

    A peak is the largest surprise until none was larger, by a tenth, for a quiet time, 2 % of the samples seen and 400
    at most. A surprise ``s`` has rarity ``r = s / (1 + Σ min(1, pᵢ / s))`` among the last 32 peaks ``pᵢ``: its size
    over how many peaks were as large, each counted by the share of ``s`` that it reached. Peaks shrink by half in
    20,000 samples. It scores ``r / (r + 0.1)``, unless a larger one was found within its peak, or an event that
    alarmed goes on: it does until there was no surprise at all for a quiet time, or one is four times as large.

    Parameters
    ----------
    count
        Samples seen.
    earlier, latest, latest_at, alarm_at, before_at
        The last 32 peaks, and the one that is not over.

    Examples
    --------
    >>> peaks = Peaks()
    >>> calm = [peaks.score(0.0) for _ in range(1000)]
    >>> peaks.score(4.0) > ALARM, peaks.score(9.0)
    (True, 0.0)
    """

    count: int = 0
    earlier: Floats = msgspec.field(default_factory=floats)
    latest: float = 0.0
    latest_at: int = 0
    alarm_at: int | None = None  # when the event that alarmed last surprised
    before_at: int = 0  # when the last of the earlier ones was

    def score(self, surprise: float) -> float:
        """The score in [0, 1] of the next sample's surprise."""
        self.count += 1
        if surprise <= 0:
            return 0.0
        quiet = min(_QUIET_SHARE * self.count, _QUIET_LONGEST)
        if self.latest and self.count - self.latest_at > quiet:
            self._put_away()
        goes_on = self.alarm_at is not None and self.count - self.alarm_at <= quiet
        if goes_on:
            self.alarm_at = self.count
        before = self.latest
        if surprise <= _LARGER * before:
            return 0.0
        self.latest, self.latest_at = surprise, self.count
        if goes_on and surprise < _WORSE * before:
            return 0.0
        rarity = surprise / (1 + sum(min(1.0, peak / surprise) for peak in self.earlier))
        score = rarity / (rarity + RARITY)
        if score >= ALARM:
            self.alarm_at = self.count
        return score

    def explain(self) -> None:
        """The latest peak had a reason that is known, and is over."""
        self.latest, self.alarm_at = 0.0, None

    def _put_away(self) -> None:
        """The latest peak is over."""
        fading = 0.5 ** ((self.latest_at - self.before_at) / _HALF_LIFE)
        self.earlier = floats([*(fading * peak for peak in self.earlier), self.latest][-KEPT:])
        self.before_at, self.latest = self.latest_at, 0.0
