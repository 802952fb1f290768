"""Errors: what the forecasts of the past were wrong by, and so what the next one may be wrong by."""

import msgspec
import numpy as np

from detectors.forecast.arrays import Array, Small

KEPT = 60
"""Past forecasts of which the errors are kept."""
_EVERY = 4
"""Once there are as many: each fourth takes the place of the oldest, so that they reach back for longer."""
_FEWEST = 9
"""Fewer say nothing of an interval that one in ten is above: the conformal rank would be beyond the greatest."""
_RATE = 0.05
_SHARE = 0.1
_NARROWEST, _WIDEST = 0.2, 20.0
_FLOOR = 0.25


class Errors(msgspec.Struct, array_like=True, gc=False):
    """The errors of past forecasts, each at all horizons together, so that what hangs together in time stays so. They
    are the conformal scores of the next forecast's interval. Because a series is not exchangeable, each side of the
    interval is stretched or shrunk at each horizon by what it did: a little with each value outside, and back with each
    inside, which makes the share outside one in ten in the long run, whatever the series does.

    Parameters
    ----------
    paths
        One past forecast a row, one horizon a column: value less forecast.
    taken
        How many there were.
    stretch
        By which errors below and above 0 are multiplied, for each horizon.

    Examples
    --------
    >>> errors = Errors.of(horizons=1)
    >>> for one in range(55): errors.add(np.array([one % 11 - 5.0]))
    >>> errors.bounds(np.array([100.0])).round(6).tolist()
    [[95.0], [105.0]]

    References
    ----------
    Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World. 2005.
    Gibbs, Candès: Adaptive conformal inference under distribution shift. NeurIPS, 2021.
    Angelopoulos, Candès, Tibshirani: Conformal PID control for time series prediction. NeurIPS, 2023.
    """

    paths: Small
    taken: int
    stretch: Small

    @classmethod
    def of(cls, horizons: int) -> "Errors":
        """One that knows nothing yet."""
        return cls(np.empty((0, horizons), np.float32), 0, np.ones((2, horizons), np.float32))

    @property
    def is_learnt(self) -> bool:
        """Whether there are enough for an interval."""
        return len(self.paths) >= _FEWEST

    def add(self, path: Array) -> None:
        """Take the errors of a forecast whose last horizon is over."""
        self.taken += 1
        if len(self.paths) < KEPT:
            self.paths = np.vstack([self.paths, path[None, :]]).astype(np.float32)
        elif self.taken % _EVERY == 0:
            self.paths[self.taken // _EVERY % KEPT] = path

    def bounds(self, forecast: Array) -> Array:
        """Between which values one in ten will be below and one in ten above, for each horizon; shape (2, horizons).

        NaN while too little is known.
        """
        if not self.is_learnt:
            return np.full((2, len(forecast)), np.nan)
        return np.asarray(forecast + self._reach() * self.stretch)

    def adapt(self, below: Array, above: Array, value: float) -> None:
        """Hear how bounds fared that were given for this value, one a horizon; NaN where none were."""
        known = ~np.isnan(below)
        outside = np.stack([value < below, value > above])
        moved = self.stretch * np.exp(_RATE * (outside - _SHARE))
        self.stretch = np.where(known, np.clip(moved, _NARROWEST, _WIDEST), self.stretch).astype(np.float32)

    def futures(self, forecast: Array) -> Array:
        """What may come: the forecast with each of the past errors; a row each."""
        paths = self.paths.astype(float)
        return np.asarray(forecast + paths * np.where(paths < 0, self.stretch[0], self.stretch[1]))

    def _reach(self) -> Array:
        """The conformal ranks on both sides; of a side on which hardly an error was, a part of the usual one."""
        ranked = np.sort(self.paths.astype(float), axis=0)
        rank = max(int((len(ranked) + 1) * _SHARE), 1)
        usual = _FLOOR * np.abs(ranked).mean(axis=0)
        return np.stack([np.minimum(ranked[rank - 1], -usual), np.maximum(ranked[-rank], usual)])
