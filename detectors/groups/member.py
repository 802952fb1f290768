"""A member of a group: one series with its ensemble, and whether it is off its usual course."""

import math
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec

from detectors.anomaly import ALARM, RARITY, Ensemble
from detectors.anomaly.floats import packed, unpacked
from detectors.anomaly.longest import KEPT
from detectors.anomaly.recent import Recent
from detectors.anomaly.shift import Shift, shift_of

LEARN_SAMPLES = 200
LEARN_SECONDS = 1800.0
_CALM = 300.0
_CALM_SAMPLES = 5
_MARGIN = 0.25
_LEAST_SILENCE = 120.0
_MISSED = 3.0
_FALLS = 5
_FALLS_AMONG = 20
_EVENT = 900.0
_LONGEST_EVENT = 7200.0
_MOST = 1e6
_LEVEL = 30

Clock = Callable[[float], float]
"""What time of which day a moment is, where that is not UTC's."""


class Off(msgspec.Struct, array_like=True, gc=False):
    """Since when a member is off its course, when it last was, what was expected, and the value furthest from it.

    Parameters
    ----------
    since, last
        When it went off, and when it last was outside, in seconds since the epoch.
    low, high, worst
        What was expected and the value furthest from it, in the unit of the series.
    rarity
        How rare its surprise was, 0 or more.
    back
        Samples in a row that were as expected.
    before, level, fresh
        What was learnt until then, where the series was, and how many samples of it were of the new level already: kept
        while a change may be the reason.

    Examples
    --------
    >>> Off(since=0.0, last=0.0, low=1.0, high=2.0, rarity=3.0, worst=9.0).excess(5.0)
    3.0
    """

    since: float
    last: float
    low: float
    high: float
    rarity: float
    worst: float
    back: int = 0  # samples that were as expected, in a row
    before: bytes = b""
    level: float = 0.0
    fresh: int = 0

    def excess(self, value: float) -> float:
        """How far a value is outside of what was expected; not positive inside."""
        return max(self.low - value, value - self.high)

    def is_outside(self, value: float) -> bool:
        return self.excess(value) > _MARGIN * (self.high - self.low)

    def returns(self, at: float, value: float) -> bool:
        """Look at the next value. Whether the member has been on its course for long enough."""
        if self.is_outside(value):
            self.last, self.back = at, 0
            self.worst = max(self.worst, value, key=self.excess)
        else:
            self.back += 1
        return self.back >= _CALM_SAMPLES and at - self.last >= _CALM


class Surprise(msgspec.Struct, array_like=True, gc=False):
    """What was usual when a member first surprised: what comes after it is no measure of what was expected.

    Parameters
    ----------
    first, last
        When its surprises began, and when the last one was, in seconds since the epoch.
    count
        Samples until the first.
    low, high, level
        What was expected, and where the series was.

    Examples
    --------
    >>> Surprise(first=0.0, last=60.0, count=500, low=1.0, high=2.0, level=1.5).goes_on(120.0)
    True
    """

    first: float
    last: float
    count: int
    low: float
    high: float
    level: float

    def goes_on(self, at: float) -> bool:
        """Whether a surprise belongs to these: a quarter of an hour after the last, two hours after the first."""
        return at - self.last <= _EVENT and at - self.first <= _LONGEST_EVENT


class Member(msgspec.Struct, array_like=True, gc=False):
    """Judges the samples of one series, which is named by its ``labels``.

    Its first 200 samples and half an hour are for learning: they surprise nobody. A member whose score alarms is *off*
    until its values have been in the range that was expected before for five minutes and five samples, or until that
    has been so for so long that it is usual.

    Parameters
    ----------
    labels
        Of the series.
    ensemble, recent, count, began, last_seen, off, falls, surprise
        The state; times are in seconds since the epoch.

    Examples
    --------
    >>> member = Member.of({"__name__": "queue_length"}, counter=False)
    >>> calm = [member.update(60.0 * at, at % 7) for at in range(1000)]
    >>> max(calm), member.update(60_000.0, 50.0) > 1.0, member.off.worst
    (0.0, True, 50.0)
    >>> calm = [member.update(60.0 * at, at % 7) for at in range(1001, 1020)]
    >>> member.off is None
    True
    """

    labels: dict[str, str]
    ensemble: Ensemble = msgspec.field(default_factory=Ensemble)
    recent: Recent = msgspec.field(default_factory=Recent)
    count: int = 0
    began: float = 0.0
    last_seen: float = 0.0  # when its last sample was received
    off: Off | None = None
    falls: int = 0
    surprise: Surprise | None = None

    @classmethod
    def of(cls, labels: dict[str, str], counter: bool) -> "Member":
        """Silence is no surprise to a member: who counts its group's members misses it."""
        ensemble = Ensemble.of_counter() if counter else Ensemble()
        ensemble.gaps.surprise = 0.0
        return cls(labels, ensemble)

    def update(self, at: float, value: float, usual_after: float = math.inf, clock: float | None = None) -> float:
        """How rare the next sample is for the series: 0 for most. ``at`` and ``usual_after`` are in seconds; ``clock``
        says what time of which day that is, where it is not UTC's."""
        before = self.ensemble.intake.last
        if at <= before:
            return 0.0
        if self.ensemble.is_overdue(at - before):
            self.ensemble.pause(at - before)
        self._check_counter(value)
        score = self.ensemble.update(at, value, clock)
        observed = self.ensemble.latest()
        if observed is None or self.ensemble.intake.last == before:
            return 0.0
        self._note(at, observed)
        if score and self.is_learnt(at):
            rarity = min(_MOST, RARITY * score / (1 - score)) if score < 1 else _MOST
            self._note_surprise(at)
            if score >= ALARM:
                self.go_off(at, rarity)
            return rarity
        if self.off and (self.off.returns(at, observed) or at - self.off.since >= usual_after):
            self.off = None
        if self.surprise and self.off is None and not self.surprise.goes_on(at):
            self.surprise = None  # of no use to the next one, and there are very many series
        return 0.0

    def skip(self, at: float) -> None:
        """Let a sample pass of which nothing is to be learnt: what was usual before stays usual."""
        self.ensemble.skip(at)

    def is_learnt(self, at: float) -> bool:
        return self.count > LEARN_SAMPLES and at - self.began >= LEARN_SECONDS

    def is_live(self, now: float, since: float) -> bool:
        """Whether it comes as regularly as ever, or came just now and may have begun to. As :meth:`silent_for`."""
        silence = now - max(self.last_seen, since)
        return silence < _LEAST_SILENCE or (self.is_regular() and self.silent_for(now, since) is None)

    def is_regular(self) -> bool:
        """Whether enough is known of its intervals to miss it."""
        return len(self.ensemble.gaps.intervals.durations) >= KEPT

    def silent_for(self, now: float, since: float) -> float | None:
        """Seconds without a sample at ``now``, where a series as regular as this should not be silent for so long.

        What was before ``since`` does not count: nobody was there to receive it.
        """
        durations = self.ensemble.gaps.intervals.durations
        silence = now - max(self.last_seen, since)
        if not durations or silence < max(_LEAST_SILENCE, _MISSED * durations[-1]):
            return None
        return silence if self.ensemble.is_overdue(silence) else None

    def keep_before(self) -> None:
        """Keep what was learnt until a member that is off its course went off, as a change may be the reason."""
        if self.off is None or self.off.before:
            return
        if self.surprise is not None:
            self.off.before, self.off.level = self.ensemble.state(), self.surprise.level
            self.off.fresh = self.count - self.surprise.count

    def drop_before(self) -> None:
        """No change is the reason."""
        if self.off is not None:
            self.off.before = b""

    def shift(self, clock: Clock = float) -> Shift | None:
        """How far its level is from where it was before it went off; None where that is not known."""
        if self.off is None or not self.off.before:
            return None
        before, since, level = Ensemble.restore(self.off.before), self.off.since, self.off.level

        def expected(at: float) -> float:
            then, now = before.season.expected(clock(since - _EVENT)), before.season.expected(clock(at))
            return level if math.isnan(then + now) else level + (now - then) * before.intake.scale

        return shift_of([point for point in self.recent.points() if point[0] >= since], expected)

    def settle(self, shift: Shift) -> None:
        """Take a change's level for usual: what was learnt before it counts, moved to where the series is now."""
        if self.off is not None and self.off.before:
            before = Ensemble.restore(self.off.before)
            before.moved(shift, self.off.level, self.off.fresh, self.ensemble)
            self.ensemble, self.off = before, None

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self, enc_hook=packed)

    @classmethod
    def restore(cls, state: bytes) -> "Member":
        """Raises msgspec.DecodeError for what is no state of a member."""
        return _decoder.decode(state)

    def _check_counter(self, value: float) -> None:
        """What falls more often than counters are reset is a gauge with the name of a counter: it is learnt anew."""
        counter = self.ensemble.intake.counter
        if counter is None or counter.at is None or not value < counter.value:
            return
        self.falls += 1
        if self.falls >= _FALLS and self.falls * _FALLS_AMONG > self.count:
            gauge = Member.of(self.labels, counter=False)
            self.ensemble, self.recent, self.count, self.off = gauge.ensemble, gauge.recent, 0, None

    def _note(self, at: float, observed: float) -> None:
        if not self.count:
            self.began = at
        self.count += 1
        self.recent.add(at, observed)

    def go_off(self, at: float, rarity: float) -> None:
        """Take the last value for one that is off the member's course."""
        observed = self.ensemble.latest()
        if observed is None:
            return
        if self.off is None:
            low, high = self.ensemble.expected()
            if self.surprise is not None and self.surprise.goes_on(at):
                low, high = self.surprise.low, self.surprise.high
            self.off = Off(at, at, low, high, rarity, observed)
            return
        self.off.last, self.off.back, self.off.rarity = at, 0, max(self.off.rarity, rarity)
        self.off.worst = max(self.off.worst, observed, key=self.off.excess)

    def _note_surprise(self, at: float) -> None:
        if self.surprise is not None and self.surprise.goes_on(at):
            self.surprise.last = at
            return
        values = [value for moment, value in self.recent.points() if moment < at][-_LEVEL:]
        if values:
            low, high = self.ensemble.expected()
            self.surprise = Surprise(at, at, self.count - 1, low, high, median(values))


def _unpacked(kind: Any, value: Any) -> Any:
    return unpacked(kind, value)


_decoder = msgspec.msgpack.Decoder(Member, dec_hook=_unpacked)
