"""Forecast: where a series is going, how sure that is, and when it crosses a limit."""

from typing import NamedTuple

import msgspec
import numpy as np

from detectors.anomaly.counter import Counter
from detectors.anomaly.sample import Intake
from detectors.arrays import packed, unpacked_to_change
from detectors.forecast.arrays import Array, Small
from detectors.forecast.blend import Blend
from detectors.forecast.crossing import SHARE, Crossing, crossing
from detectors.forecast.errors import Errors
from detectors.forecast.lines import HISTORY, WINDOWS, fitted
from detectors.forecast.profile import Profile
from detectors.forecast.steps import Steps

STEPS = 24
"""So many steps are forecast."""
HORIZONS = np.arange(3, STEPS + 1, 3)
"""Steps ahead at which the forecast is made and judged."""
_COURSES = 3
_KEPT = HISTORY + STEPS
_DAY, _WEEK = 86_400.0, 604_800.0


class Interval(NamedTuple):
    """What is expected ``ahead`` seconds after ``at``: eight in ten values are between ``low`` and ``high``.

    Parameters
    ----------
    at
        The middle of the last step that is known, in seconds since the epoch.
    ahead
        Seconds after it, for each horizon.
    low, middle, high
        In the unit of the series, for each horizon.

    Examples
    --------
    >>> Interval(0.0, [60.0], [1.0], [2.0], [3.0]).middle
    [2.0]
    """

    at: float
    ahead: list[float]
    low: list[float]
    middle: list[float]
    high: list[float]


class Forecast(msgspec.Struct, array_like=True, gc=False):
    """Forecasts one series over ``horizon`` seconds, in 24 steps, of which it learns the means.

    Three courses are looked at: the series itself, and what is left of it without its profile of the day or of the
    week. Each may stay where it is, or go on along a line fitted to its last 6, 12, 24 or 72 steps. These fifteen
    forecasts are one, in which each counts by how well it did of late; so a trend is followed where trends went on, and
    a season where it came again. What the forecast was wrong by before is what it may be wrong by now: see
    :class:`detectors.forecast.errors.Errors`. A future for each past error says when a limit is crossed.

    State: at most 7 KB serialised, however long the series.

    Parameters
    ----------
    horizon
        Seconds that are forecast.
    intake
        Turns timestamps (seconds) and values into samples, relative to the first value.
    steps
        The means of steps.
    profiles
        Of the day and of the week.
    courses
        The last steps of each course.
    number
        The last step that is known; -1 for none.
    issued
        The forecasts of the last 24 steps, with their bounds.
    blend, errors
        How well the fifteen did, and how well the whole.

    Examples
    --------
    >>> from math import isinf
    >>> forecast = Forecast.over(7200.0)
    >>> calm = [forecast.update(60.0 * minute, float(minute % 7)) for minute in range(600)]
    >>> forecast.crossing(1000.0).probability < 0.05
    True
    >>> rise = [forecast.update(60.0 * minute, 5.0 * (minute - 600)) for minute in range(600, 800)]
    >>> found = Forecast.restore(forecast.state()).crossing(1200.0)
    >>> found.probability > 0.8, 36 < found.median / 60 < 50
    (True, True)
    """

    horizon: float
    intake: Intake
    steps: Steps
    profiles: list[Profile]
    courses: Small
    number: int
    issued: Small
    blend: Blend
    errors: Errors

    @classmethod
    def over(cls, horizon: float, counter: bool = False) -> "Forecast":
        """A forecast of so many seconds; of a counter, of its rate a second."""
        step = horizon / STEPS
        return cls(
            horizon,
            Intake(Counter() if counter else None),
            Steps(step),
            [Profile.of(_DAY, step, 96, 0.1), Profile.of(_WEEK, step, 168, 0.3)],
            np.full((_COURSES, _KEPT), np.nan, np.float32),
            -1,
            np.full((STEPS, 3, len(HORIZONS)), np.nan, np.float32),
            Blend.of(_COURSES * len(WINDOWS), len(HORIZONS)),
            Errors.of(len(HORIZONS)),
        )

    def update(self, timestamp: float, value: float) -> bool:
        """Take the next sample; whether a step is over with it, so that the forecast is another one.

        Parameters
        ----------
        timestamp
            Seconds since the epoch, UTC. What is not later than the last is ignored.
        value
            In any unit. What is not finite is ignored.
        """
        gap = self.steps.gap_until(timestamp)
        sample = self.intake.sample(float(timestamp), float(value))
        if sample is None:
            return False
        if gap > STEPS:
            self._restart()
        over = self.steps.add(sample.at, sample.value)
        for number, mean in over:
            self._learn(number, mean)
        return bool(over)

    @property
    def is_learnt(self) -> bool:
        """Whether enough forecasts have been judged."""
        return not np.isnan(self.issued[-1]).any()

    @property
    def at(self) -> float:
        """The middle of the last step that is known, in seconds since the epoch."""
        return (self.number + 0.5) * self.steps.size

    def latest(self) -> float | None:
        """The mean of the last step; None where there is none."""
        last = float(self.courses[0, -1])
        return None if self.intake.first is None or np.isnan(last) else self.intake.first + last

    def observed(self) -> list[tuple[float, float]]:
        """The means of the last steps, as (seconds since the epoch, value)."""
        first, known = self.intake.first or 0.0, [float(value) for value in self.courses[0] if not np.isnan(value)]
        size = self.steps.size
        return [(self.at - size * (len(known) - 1 - n), first + value) for n, value in enumerate(known)]

    def interval(self) -> Interval | None:
        """What is expected at each horizon; None where too little is known."""
        if not self.is_learnt:
            return None
        low, middle, high = (self.intake.first or 0.0) + self.issued[-1].astype(float)
        ahead = (HORIZONS * self.steps.size).tolist()
        return Interval(self.at, ahead, low.tolist(), middle.tolist(), high.tolist())

    def crossing(
        self, limit: float, below: bool = False, shares: tuple[float, float] = (SHARE, SHARE)
    ) -> Crossing | None:
        """When the series is as great as a limit, or as small, in seconds after ``at``; None where too little is known.

        Parameters
        ----------
        limit
            In the unit of the series.
        below
            Whether it is crossed from above.
        shares
            Of the futures that are left out on both sides; see :class:`detectors.forecast.timing.Timing`.
        """
        last = self.latest()
        if not self.is_learnt or last is None:
            return None
        first = self.intake.first or 0.0
        futures = self.errors.futures(self.issued[-1, 1].astype(float))
        sign = -1.0 if below else 1.0
        seconds = np.asarray(HORIZONS * self.steps.size, np.float64)
        return crossing(sign * (last - first), sign * futures, seconds, sign * (limit - first), shares)

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self, enc_hook=packed)

    @classmethod
    def restore(cls, state: bytes) -> "Forecast":
        """The forecast that ``state`` was taken of. Raises ValueError or msgspec.MsgspecError for what is none."""
        return msgspec.msgpack.decode(state, type=cls, dec_hook=unpacked_to_change)

    def _learn(self, number: int, value: float) -> None:
        usual = [float(profile.expected(np.array([number]))[0]) for profile in self.profiles]
        self._judge(value, np.array([0.0, *usual]))
        self.courses = np.roll(self.courses, -1, axis=1)
        self.courses[:, -1] = (value, *(value - one for one in usual))
        for profile in self.profiles:
            profile.learn(number, value)
        self.number = number
        self._issue()

    def _judge(self, value: float, usual: Array) -> None:
        """Compare what was forecast for this step with what came."""
        if self.number < 0:
            return
        back = STEPS - HORIZONS  # where the forecasts made so many steps ago are
        lines = fitted(self.courses.astype(float), STEPS)[:, :, back]
        said = usual[:, None, None] + lines[..., 0] + lines[..., 1] * HORIZONS
        self.blend.learn(np.abs(said.reshape(-1, len(HORIZONS)) - value))
        low, _, high = self.issued[back, :, np.arange(len(HORIZONS))].astype(float).T
        self.errors.adapt(low, high, value)
        oldest = self.issued[0, 1].astype(float)
        came = np.append(self.courses[0, -STEPS + 1 :].astype(float), value)[HORIZONS - 1]
        path = came - oldest
        if not np.isnan(path).any():
            self.errors.add(path)

    def _issue(self) -> None:
        ahead = self.number + HORIZONS
        usual = np.stack([np.zeros(len(ahead)), *(profile.expected(ahead) for profile in self.profiles)])
        lines = fitted(self.courses.astype(float), 1)[:, :, 0]
        said = usual[:, None, :] + lines[..., :1] + lines[..., 1:] * HORIZONS
        made = self.blend.of_all(said.reshape(-1, len(HORIZONS)))
        self.issued = np.roll(self.issued, -1, axis=0)
        low, high = self.errors.bounds(made)
        self.issued[-1] = low, made, high

    def _restart(self) -> None:
        """So much is missing that nobody knows how it went on; the season and past errors still count."""
        self.steps.restart()
        self.courses[:] = np.nan
        self.issued[:] = np.nan
        self.number = -1
