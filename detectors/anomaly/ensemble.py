"""The ensemble: every detector of anomalies in one series, behind one score."""

import math
from typing import Self

import msgspec

from detectors.anomaly.counter import Counter
from detectors.anomaly.floats import packed, unpacked
from detectors.anomaly.gaps import Gaps
from detectors.anomaly.novelty import Novelty
from detectors.anomaly.part import Part
from detectors.anomaly.peaks import Peaks
from detectors.anomaly.sample import Intake
from detectors.anomaly.season import Season
from detectors.anomaly.shift import Shift
from detectors.anomaly.step import Step
from detectors.anomaly.stuck import Stuck

RECENT = 16
_SHARE_OF_VALUE = 0.6


class Ensemble(msgspec.Struct, array_like=True, gc=False):
    """Watches one series. Knows nothing of its unit, scale, interval or kind, and has nothing to tune.

    Spikes and level shifts are values never seen; bursts and changed variance are new contexts of values; drifts and
    trends are new averages; jumps are new steps; what is known but comes at the wrong time of the day or the week lies
    far outside what is usually left without their profiles; flat lines and peaks that do not come are stays longer
    than ever; missing data are intervals longer than ever. Their surprises are added up, and the series' own earlier
    peaks say how rare the sum is.

    State: at most 4 KB serialised, however long the series.

    Parameters
    ----------
    intake
        Turns timestamps (seconds) and values into samples.
    value, shape, level, season, stuck, gaps, step
        The detectors, one a kind of anomaly.
    peaks
        Weighs their surprise against the series' past.

    Examples
    --------
    >>> from detectors.anomaly import ALARM
    >>> ensemble = Ensemble()
    >>> calm = [ensemble.update(60 * i, i % 7) for i in range(1000)]
    >>> max(calm[100:])
    0.0
    >>> resumed = Ensemble.restore(ensemble.state())
    >>> resumed.update(60_000, 50) > ALARM
    True
    >>> resumed.expected()
    (0.0, 6.0)
    """

    intake: Intake = msgspec.field(default_factory=Intake)
    value: Novelty = msgspec.field(default_factory=lambda: Novelty(spans=(1.0,), reach=0.03))
    shape: Novelty = msgspec.field(default_factory=lambda: Novelty(spans=(1.0, 3.0, 10.0), reach=0.15))
    level: Novelty = msgspec.field(default_factory=lambda: Novelty(spans=(30.0,), reach=0.05))
    season: Season = msgspec.field(default_factory=Season)
    stuck: Stuck = msgspec.field(default_factory=lambda: Stuck(surprise=2.0))
    gaps: Gaps = msgspec.field(default_factory=lambda: Gaps(surprise=1.0))
    peaks: Peaks = msgspec.field(default_factory=Peaks)
    step: Step = msgspec.field(default_factory=lambda: Step(Novelty(spans=(1.0,), reach=0.1)))

    @classmethod
    def of_counter(cls) -> Self:
        """An ensemble that watches the rate of increase of a counter, and knows its resets."""
        return cls(intake=Intake(counter=Counter()))

    def update(self, timestamp: float, value: float, clock: float | None = None) -> float:
        """The anomaly score in [0, 1] of the next value. Half and more is an alarm; 0 is most of the time.

        Parameters
        ----------
        timestamp
            Seconds since the epoch, UTC. What is not later than the last is ignored, and scores 0.
        value
            In any unit. What is not finite is ignored, and scores 0.
        clock
            Seconds whose time of day and day of the week count for seasons, where these are not those of UTC.
        """
        sample = self.intake.sample(timestamp, value)
        if sample is None:
            return 0.0
        if clock is not None:
            sample = sample._replace(clock=clock)
        parts: tuple[Part, ...] = (self.shape, self.level, self.season, self.stuck, self.gaps, self.step)
        surprise = sum([part.update(sample) for part in parts])
        return self.peaks.score(surprise + _SHARE_OF_VALUE * self.value.update(sample))

    def expected(self) -> tuple[float, float]:
        """The range in which the values were lately, not counting the last one; a counter's are rates a second."""
        low, high = self.value.recent_range(RECENT)
        return self.intake.in_unit(low), self.intake.in_unit(high)

    def latest(self) -> float | None:
        """The last value, or of a counter its last rate a second; None where there was none yet."""
        return None if self.intake.first is None else self.intake.in_unit(self.value.means[0])

    def skip(self, timestamp: float) -> None:
        """Let a moment pass of which nothing is to be learnt: no stay has lasted, and no sample is late, for it."""
        if math.isfinite(timestamp) and timestamp > self.intake.last:
            if math.isfinite(self.intake.last):
                self.pause(timestamp - self.intake.last)
            self.intake.last = timestamp
            if self.intake.counter is not None:
                self.intake.counter.at = None

    def moved(self, shift: Shift, level: float, samples: int, now: Self) -> None:
        """Take what was learnt for what is usual at another level, and go on from where ``now`` is: the same series,
        which went on while its surprise had a reason that is known. So its peak is no measure of those to come.

        ``level`` is the old one; the last so many ``samples`` were at the new one already.
        """
        old, new = self.intake.relative(level), self.intake.relative(level + shift.offset)
        for novelty in (self.value, self.shape, self.level):
            novelty.forget_newest(samples, old, new)
        self.step.steps.forget_newest(samples, 0.0, new - old)
        if shift.factor is not None:
            self.intake.scale *= shift.factor
        else:
            self.intake.first = (self.intake.first or 0.0) + shift.offset / self.intake.scale
        self.peaks.explain()
        self.pause(max(0.0, now.intake.last - self.intake.last))
        latest = now.latest()
        if latest is not None:
            self.step.last = self.intake.relative(latest)
        self.intake.last, self.intake.counter, self.gaps = now.intake.last, now.intake.counter, now.gaps

    def pause(self, seconds: float) -> None:
        """Say that nobody watched for so long: no stay has lasted the longer for it."""
        self.stuck.since += seconds

    def is_overdue(self, silence: float) -> bool:
        """Whether a series that came regularly has been silent for too many seconds to be so still."""
        return self.gaps.intervals.exceeded_by(silence)

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self, enc_hook=packed)

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """The ensemble that ``state`` was taken of: it goes on as if it had never stopped."""
        return msgspec.msgpack.decode(state, type=cls, dec_hook=unpacked)
