"""How good predicted quantiles are."""

import numpy as np

from detectors.drift.packing import Array
from detectors.performance.scale import Rows


def pinball_losses(rows: Rows, level: float) -> Array:
    """What a predicted quantile costs: under the truth ``level`` a unit, over it the rest of 1.

    Parameters
    ----------
    rows
        Labels, and predictions of the quantile: the one of that level, or else the prediction itself.
    level
        Of the quantile, between 0 and 1.

    Returns
    -------
    Losses in the unit of the target, of shape (rows,).

    Examples
    --------
    >>> pinball_losses(Rows(np.array([10.0, 10.0]), np.array([8.0, 12.0])), 0.9).round(2).tolist()
    [1.8, 0.2]

    References
    ----------
    Koenker and Bassett: Regression quantiles. Econometrica 46, 1978.
    """
    under = rows.truth - rows.quantiles.get(level, rows.predicted)
    return np.maximum(level * under, (level - 1) * under)


def crps_losses(rows: Rows) -> Array:
    """The continuous ranked probability score of predicted quantiles: twice their pinball loss, over all levels.

    Each level stands for the levels that are nearer to it than to another.

    Parameters
    ----------
    rows
        Labels, and predictions of one quantile at least.

    Returns
    -------
    Losses in the unit of the target, of shape (rows,).

    Examples
    --------
    >>> quantiles = {0.25: np.array([9.0]), 0.75: np.array([11.0])}
    >>> crps_losses(Rows(np.array([10.0]), np.array([10.0]), quantiles=quantiles)).tolist()
    [0.5]

    References
    ----------
    Gneiting and Raftery: Strictly proper scoring rules, prediction, and estimation. JASA 102, 2007.
    """
    levels = np.array(sorted(rows.quantiles))
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    widths = np.diff(edges).tolist()
    weighted = [2 * width * pinball_losses(rows, level) for level, width in zip(levels.tolist(), widths, strict=True)]
    return np.asarray(np.sum(weighted, axis=0))
