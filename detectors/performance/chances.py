"""How good probabilities are: log-loss, the Brier score, and whether they are calibrated."""

import numpy as np

from detectors.drift.packing import Array
from detectors.performance.scale import Rows, Scale

_BINS = 10
_LEAST = 1e-15
"""As scikit-learn clips a probability before its logarithm is taken."""


def chance_losses(rows: Rows, scale: Scale) -> Array:
    """The loss of each row's probabilities.

    Parameters
    ----------
    rows
        Labels with the score of the positive class, or with the chances of all classes.
    scale
        log_loss or brier, and the positive class.

    Returns
    -------
    Losses of shape (rows,): of log_loss 0 or more, of brier between 0 and 1 (with chances of all classes 2).

    Examples
    --------
    >>> rows = Rows(np.array(["a", "b"]), np.array(["a", "a"]), score=np.array([0.9, 0.2]))
    >>> chance_losses(rows, Scale("brier", 0.1, positive="a")).round(2).tolist()
    [0.01, 0.04]

    References
    ----------
    Brier: Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1950.
    """
    if rows.score is not None and not scale.classes:
        truth = rows.truth == scale.positive
        if scale.metric == "brier":
            return np.asarray((truth - rows.score) ** 2)
        return np.asarray(-np.log(np.where(truth, rows.score, 1 - rows.score).clip(_LEAST, 1)))
    of_truth, squares = np.zeros(len(rows.truth)), np.zeros(len(rows.truth))
    for name, chance in rows.chances.items():
        is_it = rows.truth == name
        of_truth[is_it] = chance[is_it]
        squares += (is_it - chance) ** 2
    return squares if scale.metric == "brier" else -np.log(of_truth.clip(_LEAST, 1))


def calibration_error(rows: Rows, scale: Scale) -> float:
    """The expected calibration error: how far the share of hits is from the chance that was given, in ten bins.

    Parameters
    ----------
    rows
        One row at least.
    scale
        The positive class; with ``classes``, the chance of the class that was predicted is judged.

    Returns
    -------
    The mean over rows of the distance in their bin, between 0 and 1.

    Examples
    --------
    >>> rows = Rows(np.array([1, 0, 0, 0]), np.array([1, 1, 1, 1]), score=np.full(4, 0.75))
    >>> calibration_error(rows, Scale("calibration_error", 0.1))
    0.5

    References
    ----------
    Naeini, Cooper and Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning. AAAI 2015.
    """
    chance, hit, bins = _binned(rows, scale)
    return float(np.abs(np.bincount(bins, chance - hit, _BINS)).sum() / len(chance))


def miscalibration(rows: Rows, scale: Scale) -> Array:
    """Numbers whose mean is the calibration error at most: it can be bet on.

    In which direction each bin is off is learnt from every other row, and the rows between them are judged by it: the
    mean of chance less hit in that direction cannot exceed the distance in the bin.

    Parameters
    ----------
    rows, scale
        As in :func:`calibration_error`.

    Returns
    -------
    Numbers between -1 and 1, of half the rows.

    Examples
    --------
    >>> rows = Rows(np.zeros(4), np.ones(4), score=np.full(4, 0.75))
    >>> miscalibration(rows, Scale("calibration_error", 0.1)).tolist()
    [0.75, 0.75]
    """
    chance, hit, bins = _binned(rows, scale)
    apart = chance - hit
    direction = np.sign(np.bincount(bins[::2], apart[::2], _BINS))
    return np.asarray(direction[bins[1::2]] * apart[1::2])


def _binned(rows: Rows, scale: Scale) -> tuple[Array, Array, Array]:
    """Each row's chance, whether it was right, and its bin."""
    if rows.score is not None and not scale.classes:
        chance, hit = rows.score, (rows.truth == scale.positive).astype(np.float64)
    else:
        chance = rows.score if rows.score is not None and not rows.chances else np.zeros(len(rows.truth))
        for name, given in rows.chances.items():
            chance = np.where(rows.predicted == name, given, chance)
        hit = (rows.truth == rows.predicted).astype(np.float64)
    return chance, hit, (chance * _BINS).astype(np.int64).clip(0, _BINS - 1)
