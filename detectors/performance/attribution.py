"""How much of a loss goes with the shift of one feature: the reference's losses, weighted as that feature is now."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from detectors.drift.packing import Array

_LEAST_IN_BIN = 5
"""Rows of the reference by which the loss in a bin is known."""
_MOST_UNKNOWN = 0.02
"""The share of rows now that may lie where the reference has too few."""
_LEAST_ROWS = 100.0
"""Rows that the weighted reference has to be worth, by Kish's effective sample size."""


class Share(NamedTuple):
    """What goes with the shift of a column: ``loss`` of the change, between ``low`` and ``high``.

    Parameters
    ----------
    column
        Its name.
    loss, low, high
        In the unit of the losses.

    Examples
    --------
    >>> Share("price", 0.08, 0.06, 0.10).loss
    0.08
    """

    column: str
    loss: float
    low: float
    high: float


class Attribution(NamedTuple):
    """By how much the mean loss rose, between ``low`` and ``high``, and what of it goes with which column, most first.

    Parameters
    ----------
    change, low, high
        In the unit of the losses.
    shares
        Of each column of which it can be told. Columns that moved together share what they account for, so that the
        shares may come to more than the change.

    Examples
    --------
    >>> Attribution(0.11, 0.09, 0.13, []).change
    0.11
    """

    change: float
    low: float
    high: float
    shares: Sequence[Share]


def attributed(
    before: Array, now: Array, binned: Mapping[str, tuple[Array, Array]], confidence: float = 0.95
) -> Attribution:
    """What of the rise of the mean loss goes with the shift of each column by itself.

    For a column, the losses on the reference are weighted by the density ratio of the column now and then: what the
    mean loss would be if that column alone had moved, and the loss depended on it as on the reference (covariate shift
    in one column). With the column in bins this is :math:`\\sum_b (q_b - p_b) m_b`, with the shares p and q of the
    rows then and now and the mean loss m of the reference in each bin; its variance, from both samples and the means,
    is known in closed form. The intervals hold together with the given confidence (Bonferroni), for large samples.

    A column of which too many rows lie where the reference has none, or whose weights leave too few rows, is left out:
    it cannot be told.

    Parameters
    ----------
    before, now
        Losses of labelled rows of the reference and of now, of shape (rows,).
    binned
        By column the bin of each row then and now, integers from 0.
    confidence
        Of all intervals together.

    Returns
    -------
    The rise of the mean loss, and the shares.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> night, later = random.random(4000) < 0.2, random.random(2000) < 0.6
    >>> loss, then = (random.random(4000) < 0.1 + 0.3 * night) * 1.0, (random.random(2000) < 0.1 + 0.3 * later) * 1.0
    >>> other = random.integers(0, 2, 4000), random.integers(0, 2, 2000)
    >>> found = attributed(loss, then, {"night": (night * 1, later * 1), "other": other})
    >>> found.shares[0].column, found.shares[0].low > 0.05, abs(found.shares[1].loss) < 0.02
    ('night', True, True)

    References
    ----------
    Shimodaira: Improving predictive inference under covariate shift by weighting the log-likelihood function. Journal
    of Statistical Planning and Inference 90, 2000.
    Zhang, Singh, Ghassemi and Joshi: "Why did the model fail?": attributing model performance changes to distribution
    shifts. ICML 2023.
    """
    z = float(norm.ppf(1 - (1 - confidence) / 2 / (len(binned) + 1)))
    change = float(now.mean() - before.mean())
    error = z * math.sqrt(before.var() / len(before) + now.var() / len(now))
    found = [_share(name, before, *bins, z) for name, bins in binned.items()]
    shares = sorted((one for one in found if one is not None), key=lambda one: -one.loss)
    return Attribution(change, change - error, change + error, shares)


def _share(name: str, losses: Array, then: Array, now: Array, z: float) -> Share | None:
    size = int(max(then.max(initial=0), now.max(initial=0))) + 1
    counts, counts_now = np.bincount(then, minlength=size), np.bincount(now, minlength=size)
    known = counts >= _LEAST_IN_BIN
    rows, rows_now = counts[known].sum(), counts_now[known].sum()
    if not rows_now or rows_now < (1 - _MOST_UNKNOWN) * len(now):
        return None
    counts, p, q = counts[known], counts[known] / rows, counts_now[known] / rows_now
    if 1 / float((q**2 / counts).sum()) < _LEAST_ROWS:
        return None
    means = np.bincount(then, losses, size)[known] / counts
    squares = np.bincount(then, losses**2, size)[known] / counts
    inside = (squares - means**2).clip(0)
    loss = float((q - p) @ means)
    variance = float(((q - p) ** 2 * inside / counts).sum())
    variance += (float(q @ means**2) - float(q @ means) ** 2) / rows_now
    variance += (float(p @ means**2) - float(p @ means) ** 2) / rows
    error = z * math.sqrt(max(variance, 0.0))
    return Share(name, loss, loss - error, loss + error)
