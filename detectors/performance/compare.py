"""Whether one model does better than another on the same rows, by more than chance would explain."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from detectors.drift.packing import Array

RESAMPLES = 2000
_AT_ONCE = 2_000_000


class Comparison(NamedTuple):
    """Mean losses on the rows that both models saw. ``better`` is how much less the challenger's is: more is better.

    ``low`` and ``high`` bound ``better`` with the confidence that was asked for.

    Parameters
    ----------
    rows
        How many rows both models saw.
    champion, challenger
        Mean losses, in the unit of a loss.
    better, low, high
        The mean difference and its interval, in the unit of a loss.

    Examples
    --------
    >>> Comparison(rows=2, champion=5.0, challenger=4.0, better=1.0, low=0.5, high=1.5).better
    1.0

    References
    ----------
    Efron: Better bootstrap confidence intervals. Journal of the American Statistical Association 82, 1987.
    """

    rows: int
    champion: float
    challenger: float
    better: float
    low: float
    high: float


def compare(champion: Array, challenger: Array, confidence: float = 0.95, seed: int = 0) -> Comparison:
    """The mean of the paired differences of two models' losses, with an interval by the bootstrap.

    Pairing takes out what makes a row hard for both, so that a small but steady gain is seen. The interval is the
    bias-corrected and accelerated one (BCa; Efron, Better bootstrap confidence intervals, Journal of the American
    Statistical Association 82, 1987), in which losses need not be normal. It holds for rows that are independent:
    where the errors of neighbouring rows are alike, as in one time series, it is too narrow; give the mean loss of each
    day or of each series as one row then. SciPy's has no short cut for the mean, and its jackknife costs rows².

    Parameters
    ----------
    champion, challenger
        The loss of each row, less is better, of shape (rows,), in the same order; two rows or more.
    confidence
        Of the two-sided interval, between 0 and 1.
    seed
        The same losses and the same seed give the same interval.

    Returns
    -------
    Mean losses, their difference, and the interval of the difference.

    Raises
    ------
    ValueError
        For other shapes, fewer rows, or losses that are not finite.

    Examples
    --------
    >>> found = compare(np.array([2.0, 4.0, 6.0, 8.0]), np.array([1.0, 3.0, 5.0, 7.0]))
    >>> found.champion, found.challenger, found.better, found.low, found.high
    (5.0, 4.0, 1.0, 1.0, 1.0)

    References
    ----------
    Efron: Better bootstrap confidence intervals. Journal of the American Statistical Association 82, 1987.
    """
    if champion.shape != challenger.shape or champion.ndim != 1 or len(champion) < 2:
        raise ValueError("the same rows of both models are compared, and two at least")
    if not (np.isfinite(champion).all() and np.isfinite(challenger).all()):
        raise ValueError("a loss is a finite number")
    gains = champion - challenger
    better = float(gains.mean())
    low, high = _interval(gains, confidence, seed) if np.ptp(gains) > 0 else (better, better)
    return Comparison(len(gains), float(champion.mean()), float(challenger.mean()), better, low, high)


def _interval(gains: Array, confidence: float, seed: int) -> tuple[float, float]:
    """The BCa interval of the mean; for a mean, the acceleration is the skewness over 6 √rows."""
    means = _resampled_means(gains, seed)
    centred = gains - gains.mean()
    centred /= np.abs(centred).max()  # the skewness stays, and the powers of the smallest numbers are not 0
    skewness = float(np.mean(centred**3) / np.mean(centred**2) ** 1.5)
    acceleration = skewness / (6 * np.sqrt(len(gains)))
    # Ties count half; a share of 0 or 1 would put the bias at infinity.
    below = np.mean(means < gains.mean()) + np.mean(means == gains.mean()) / 2
    bias = ndtri(np.clip(below, 1 / (2 * RESAMPLES), 1 - 1 / (2 * RESAMPLES)))
    ends = ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    shares = ndtr(bias + (bias + ends) / (1 - acceleration * (bias + ends)))
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def _resampled_means(gains: Array, seed: int) -> Array:
    """Means of as many rows, drawn with replacement, :data:`RESAMPLES` times; a bounded number of rows at once."""
    random = np.random.default_rng(seed)
    rows = len(gains)
    each = max(1, _AT_ONCE // rows)
    drawn = [
        gains[random.integers(0, rows, (min(each, RESAMPLES - done), rows))].mean(axis=1)
        for done in range(0, RESAMPLES, each)
    ]
    return np.concatenate(drawn)
