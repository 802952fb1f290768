"""Season: values that were seen before, but never at this time of the day or of the week."""

import math

import msgspec

from detectors.anomaly.deviation import Deviation
from detectors.anomaly.floats import Floats, floats
from detectors.anomaly.novelty import Novelty
from detectors.anomaly.sample import Sample

_QUARTERS = 96
_DAY = 86_400
_DAY_MEMORY = 0.1
_HOURS = 168
_WEEK = 7 * _DAY
_WEEK_MEMORY = 0.3
_CLIPPED_AT = 10.0
_USUAL_MEMORY = 1000


def _quarters() -> Floats:
    return floats([math.nan] * _QUARTERS)


def _hours() -> Floats:
    return floats([math.nan] * _HOURS)


class Season(msgspec.Struct, array_like=True, gc=False):
    """Deviation of what is left of the series without its daily or weekly profile.

    The profiles are running means for each quarter of an hour of the day and each hour of the week. A quarter and an
    hour never seen expect nothing; where both expect something, the nearer one counts, so a series needs no week to be
    judged by the day, and Sundays are Sundays after one.

    Parameters
    ----------
    unused
        Where an older version kept a detector.
    profile, week
        The two profiles, relative to the series' first value.
    deviation
        The detector of averages of what is left.
    usual
        How far values usually are from what is expected. A profile learns ten times of it at most from one value, so a
        glitch does not come back each day.

    Examples
    --------
    >>> detector = Season()
    >>> hours = [(hour, (hour % 24) ** 2 + hour % 5) for hour in range(1000)]
    >>> days = [detector.update(Sample(3600.0 * hour, value, 3600)) for hour, value in hours]
    >>> max(days), max(detector.update(Sample(3600.0 * hour, 200.0, 3600)) for hour in range(1000, 1024)) > 0.5
    (0.0, True)
    """

    unused: Novelty | None = None
    profile: Floats = msgspec.field(default_factory=_quarters)
    week: Floats = msgspec.field(default_factory=_hours)
    deviation: Deviation = msgspec.field(default_factory=Deviation)
    usual: float = 0.0

    def __post_init__(self) -> None:
        self.unused = None

    def update(self, sample: Sample) -> float:
        at = sample.at if sample.clock is None else sample.clock
        quarter, hour = int(at % _DAY * _QUARTERS / _DAY), int(at % _WEEK * _HOURS / _WEEK)
        of_day = self._rest(self.profile, quarter, sample.value, _DAY_MEMORY)
        of_week = self._rest(self.week, hour, sample.value, _WEEK_MEMORY)
        rest = of_day if abs(of_day) <= abs(of_week) else of_week
        if math.isinf(rest):
            return 0.0
        self._note(abs(rest))
        return self.deviation.update(rest)

    def expected(self, clock: float) -> float:
        """What the profiles expect at a moment, which is a sample's ``clock``; NaN where nothing."""
        of_week = self.week[int(clock % _WEEK * _HOURS / _WEEK)]
        return self.profile[int(clock % _DAY * _QUARTERS / _DAY)] if math.isnan(of_week) else of_week

    def _rest(self, profile: Floats, place: int, value: float, memory: float) -> float:
        """How far the value is from what was expected; infinitely far where nothing was. The profile learns it."""
        expected = profile[place]
        if math.isnan(expected):
            profile[place] = value
            return math.inf
        rest = value - expected
        most = _CLIPPED_AT * self.usual or math.inf
        profile[place] = expected + memory * (most if rest > most else -most if rest < -most else rest)
        return rest

    def _note(self, size: float) -> None:
        most = _CLIPPED_AT * self.usual or size
        count = self.deviation.count + 1
        self.usual += ((size if size < most else most) - self.usual) / (
            count if count < _USUAL_MEMORY else _USUAL_MEMORY
        )
