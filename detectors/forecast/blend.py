"""Blend: several forecasts become one, each counting by how well it did of late."""

import msgspec
import numpy as np

from detectors.forecast.arrays import Array, Small

_MEMORY = 1.0 / 36.0
_POWER = 6.0
_OWN = 0.2
_LEAST = 1e-12


class Blend(msgspec.Struct, array_like=True, gc=False):
    """Weights by inverse powers of discounted absolute errors. A fifth of what counts is how a forecast did at the
    horizon itself, the rest how it did at all of them, the near ones most: what changes shows there first.

    Parameters
    ----------
    losses
        For each forecast and horizon, its mean error of late; NaN where nothing is known of it.

    Examples
    --------
    >>> blend = Blend.of(forecasts=2, horizons=1)
    >>> for _ in range(50): blend.learn(np.array([[1.0], [4.0]]))
    >>> blend.of_all(np.array([[10.0], [20.0]])).round(2).tolist()
    [10.0]

    References
    ----------
    Bates, Granger: The combination of forecasts. Operational Research Quarterly, 1969.
    Herbster, Warmuth: Tracking the best expert. Machine Learning, 1998.
    """

    losses: Small

    @classmethod
    def of(cls, forecasts: int, horizons: int) -> "Blend":
        """One that knows nothing yet."""
        return cls(np.full((forecasts, horizons), np.nan, np.float32))

    def learn(self, errors: Array) -> None:
        """Take the absolute errors of each forecast at each horizon; NaN where there is none."""
        known, new = ~np.isnan(self.losses), ~np.isnan(errors)
        after = np.where(known & new, self.losses + _MEMORY * (errors - self.losses), self.losses)
        self.losses = np.where(known | ~new, after, errors).astype(np.float32)

    def of_all(self, forecasts: Array) -> Array:
        """One forecast for each horizon: the weighted mean of those that are known; where none is, NaN."""
        rated = np.where(np.isnan(forecasts), np.nan, self.losses) + _LEAST
        logs = np.log(rated)
        with np.errstate(all="ignore"):
            relative = logs - _least(logs)
        apart = np.isnan(relative)
        shares = np.where(apart, 0.0, 1.0 / np.arange(1, relative.shape[1] + 1))
        every = (np.where(apart, 0.0, relative) * shares).sum(axis=1) / np.maximum(shares.sum(axis=1), _LEAST)
        score = _OWN * relative + (1.0 - _OWN) * every[:, None]
        weights = np.where(apart, 0.0, np.exp(-_POWER * np.where(apart, 0.0, score)))
        total = weights.sum(axis=0)
        mean = (weights * np.where(apart, 0.0, forecasts)).sum(axis=0)
        return np.where(total > 0, mean / np.where(total > 0, total, 1.0), np.nan)


def _least(logs: Array) -> Array:
    """Of each column; NaN where nothing is known."""
    least = np.where(np.isnan(logs), np.inf, logs).min(axis=0)
    return np.where(np.isinf(least), np.nan, least)
