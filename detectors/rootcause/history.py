"""What was measured of a service lately, by minute: the input of the ranking by metrics."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.anomaly.floats import Floats, floats, packed, unpacked
from detectors.rootcause.metrics import Series, Values

MINUTES = 150
"""Two hours of normal times, and half an hour around the beginning of an incident."""
MOST_TRACKS = 8
_LONGEST = 10
"""Minutes for which a value holds, until the next comes."""
_SKEWED = (20.0, 180.0)
"""Seconds by which clocks are apart; what is later than that waited somewhere, and its times are right."""
_BELIEVED_AFTER = 600.0
_DRIFT = 1 / 60


class Family(NamedTuple):
    """Series whose samples add up to one measure; a counter's counts are requests, a gauge's are samples.

    Parameters
    ----------
    name
        Of the measure.
    metric, statistic
        As in :class:`~detectors.rootcause.metrics.Series`.
    counter
        Whether its samples are of a counter.

    Examples
    --------
    >>> Family("rpc", "latency", "mean", counter=False).metric
    'latency'
    """

    name: str
    metric: str
    statistic: str
    counter: bool


class Amount(NamedTuple):
    """What a sample adds: to a total, of how many, and how many of these failed; None where that is not told.

    Parameters
    ----------
    total
        In the unit of the measure: seconds for latency.
    number, failed
        Requests or samples.

    Examples
    --------
    >>> Amount(total=0.3, number=2.0).failed is None
    True
    """

    total: float = 0.0
    number: float = 0.0
    failed: float | None = None

    def spread(self, minutes: int) -> "Amount":
        failed = None if self.failed is None else self.failed / minutes
        return Amount(self.total / minutes, self.number / minutes, failed)


class Track(msgspec.Struct, array_like=True, gc=False):
    """Sums by minute over all series of one family: what they total, of how many, and how many of these failed.

    ``last`` is the latest minute since the epoch. An array is made when it is first needed, and then holds
    ``MINUTES`` places, that of a minute being its remainder.

    Parameters
    ----------
    metric, statistic, counter
        As in :class:`Family`.
    last
        Minutes since the epoch.
    total, count, failed
        By minute, of shape (``MINUTES``,) or empty.

    Examples
    --------
    >>> Track("latency", "mean", counter=False).last
    0
    """

    metric: str
    statistic: str
    counter: bool
    last: int = 0
    total: Floats = msgspec.field(default_factory=floats)
    count: Floats = msgspec.field(default_factory=floats)
    failed: Floats = msgspec.field(default_factory=floats)

    def add(self, minute: int, amount: Amount) -> None:
        if minute <= self.last - MINUTES:
            return
        if minute > self.last:
            self._advance(minute)
        place = minute % MINUTES
        if amount.total:
            self.total = self.total or _made()
            self.total[place] += amount.total
        if amount.number:
            self.count = self.count or _made()
            self.count[place] += amount.number
        if amount.failed is not None:
            self.failed = self.failed or _made()
            self.failed[place] += amount.failed

    def rows(self, values: Floats, first: int, until: int) -> Values:
        """The sums of the minutes in ``[first, until)``; 0 where nothing was measured."""
        minutes = np.arange(first, until)
        if not values:
            return np.zeros(len(minutes))
        known = (minutes > self.last - MINUTES) & (minutes <= self.last)
        return np.where(known, np.frombuffer(values, np.float32)[minutes % MINUTES], 0.0).astype(float)

    def _advance(self, minute: int) -> None:
        for values in (self.total, self.count, self.failed):
            if values:
                for gone in range(max(self.last, minute - MINUTES) + 1, minute + 1):
                    values[gone % MINUTES] = 0.0
        self.last = minute


class History(msgspec.Struct, array_like=True, gc=False):
    """The last two and a half hours of one service, in means by minute.

    ``lag`` is how many seconds its sender's clock is behind ours, as far as the quickest deliveries tell since it
    ``began`` to be heard of; it is believed after ten minutes.

    State: 600 bytes for each of up to three sums of at most 8 tracks.

    Parameters
    ----------
    domain, service
        Whose history it is.
    began, last_seen_at
        When the first and the last delivery came, in seconds since the epoch.
    lag
        Seconds; None while unknown.
    tracks
        By family.

    Examples
    --------
    >>> history = History("prod", "cart")
    >>> for minute in range(3):
    ...     history.add(Family("rpc", "latency", "mean", False), 60.0 * minute, 60.0, Amount(0.1 + minute, 1.0))
    >>> history.series(0, 3)[Series("cart", "latency", "mean")].round(1).tolist()
    [0.1, 1.1, 2.1]
    """

    domain: str
    service: str
    began: float = 0.0
    last_seen_at: float = 0.0
    lag: float | None = None
    tracks: dict[str, Track] = {}

    def observe(self, last_seen_at: float, latest: float) -> None:
        """Note a delivery, and the time of the last sample in it: what is quicker than the lag says what that is."""
        self.began = self.began or last_seen_at
        delay = last_seen_at - latest
        drifted = delay if self.lag is None else self.lag + max(last_seen_at - self.last_seen_at, 0.0) * _DRIFT
        self.lag, self.last_seen_at = min(delay, drifted), max(last_seen_at, self.last_seen_at)

    def add(self, family: Family, at: float, since_last: float, amount: Amount) -> None:
        """Add a sample; its value holds, or was counted, since the last one. Times in seconds."""
        track = self.tracks.get(family.name)
        if track is None:
            if len(self.tracks) >= MOST_TRACKS:
                return
            track = self.tracks[family.name] = Track(family.metric, family.statistic, family.counter)
        minutes = max(1, round(since_last / 60))
        if minutes > _LONGEST:
            if family.counter:
                return  # when in all that time it was counted, nobody knows
            minutes = 1
        last = int((at + self._skew()) // 60)
        share = amount.spread(minutes) if family.counter and minutes > 1 else amount
        for minute in range(last - minutes + 1, last + 1):
            track.add(minute, share)

    def _skew(self) -> float:
        least, most = _SKEWED
        is_known = self.lag is not None and self.last_seen_at - self.began >= _BELIEVED_AFTER
        return self.lag if is_known and self.lag and least <= abs(self.lag) <= most else 0.0

    def series(self, first: int, until: int) -> dict[Series, Values]:
        """What was measured in the minutes ``[first, until)``; NaN in those without. Requests are ``Sum``.

        Of families that measure the same the one that counted most is taken.
        """
        found: dict[Series, Values] = {}
        most: dict[Series, float] = {}
        requests = self._requests(first, until)
        for track in self.tracks.values():
            count = track.rows(track.count, first, until) if track.count else requests
            for series, values in _measured(self.service, track, count, first, until).items():
                if count.sum() > most.get(series, 0.0):
                    found[series], most[series] = values, float(count.sum())
        if requests.any():
            found[Series(self.service, "requests", "Sum")] = requests
        return found

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self, enc_hook=packed)

    @classmethod
    def restore(cls, state: bytes) -> "History":
        """Raises msgspec.DecodeError for what is no history."""
        return _decoder.decode(state)

    def _requests(self, first: int, until: int) -> Values:
        counted = [track.rows(track.count, first, until) for track in self.tracks.values() if track.counter]
        return max(counted, key=np.sum, default=np.zeros(until - first))


def _measured(service: str, track: Track, count: Values, first: int, until: int) -> Mapping[Series, Values]:
    known = count > 0
    count = np.where(known, count, np.nan)
    found = {}
    if track.failed:
        failed = track.rows(track.failed, first, until)
        found[Series(service, "availability", "requests")] = 100 * (1 - np.minimum(failed / count, 1))
    if track.metric == "availability" and not track.counter:
        found[Series(service, "availability", track.statistic)] = 100 * track.rows(track.total, first, until) / count
    elif track.metric == "latency" and track.total:
        found[Series(service, "latency", track.statistic)] = track.rows(track.total, first, until) / count
    return found


def _made() -> Floats:
    return floats([0.0] * MINUTES)


_decoder = msgspec.msgpack.Decoder(History, dec_hook=unpacked)
