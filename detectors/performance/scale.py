"""What metrics are computed from, and how their values are read."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from detectors.drift.packing import Array

ERRORS = ("mae", "rmse", "mape", "mase", "wape", "pinball", "crps", "log_loss", "brier", "calibration_error")
"""Of these less is better."""
OF_ONE_CLASS = ("precision", "recall", "f1", "roc_auc", "average_precision")
"""Metrics of one class against all others, or of several classes by an average."""
OF_CHANCES = ("log_loss", "brier", "calibration_error")
RATIOS = ("wape", "r2")
"""Ratios of two means, whose difference is bet on."""


class Rows(NamedTuple):
    """Predictions with their labels, each of shape (rows,).

    Parameters
    ----------
    truth, predicted
        Labels and predictions, of shape (rows,): classes, or numbers in the unit of the target.
    score
        The probability of the positive class, of shape (rows,), between 0 and 1; for rankings any number.
    group
        The query that a row belongs to, of shape (rows,); for rankings only.
    chances
        The probability of each class by its name, each of shape (rows,).
    quantiles
        What is predicted for each quantile by its level, each of shape (rows,).

    Examples
    --------
    >>> rows = Rows(truth=np.array([0, 1]), predicted=np.array([1, 1]))
    >>> rows.where(np.array([True, False])).truth.tolist()
    [0]
    """

    truth: Array
    predicted: Array
    score: Array | None = None
    group: Array | None = None
    chances: Mapping[str, Array] = {}
    quantiles: Mapping[float, Array] = {}

    def where(self, chosen: Array) -> "Rows":
        score, group = (None if column is None else column[chosen] for column in (self.score, self.group))
        chances = {name: column[chosen] for name, column in self.chances.items()}
        quantiles = {level: column[chosen] for level, column in self.quantiles.items()}
        return Rows(self.truth[chosen], self.predicted[chosen], score, group, chances, quantiles)


class Scale(NamedTuple):
    """How a metric's values are read: ``limit`` in the metric's unit, beyond which the model is worse than it may be.

    Parameters
    ----------
    metric
        The name of a metric.
    limit
        In the unit of the metric: the target's for mae, rmse, pinball and crps, a share or no unit for all others.
    cap, floor
        The largest loss that counts (for rmse and r2 of squares); for ratios also the largest gain.
    unit
        What a mase is scaled by, in the unit of the target.
    positive
        The class that precision, recall and f1 are of, and scores are the probability of.
    average
        macro or weighted: over the classes; empty for ``positive`` alone.
    classes
        The classes that an average is over.
    quantile
        The level that pinball is of.

    Examples
    --------
    >>> round(Scale("accuracy", limit=0.9).level, 3)
    0.1
    """

    metric: str
    limit: float
    cap: float = 1.0
    unit: float = 1.0
    positive: object = 1
    average: str = ""
    classes: tuple[str, ...] = ()
    quantile: float = 0.5
    floor: float = 0.0

    @property
    def level(self) -> float:
        """The limit of the badness, between 0 and 1: the metric is worse than its limit as the badness's mean is."""
        if self.metric in RATIOS:
            return self.floor / (self.floor + self.cap)
        if self.metric == "calibration_error":
            return (1 + self.limit) / 2
        if self.metric in ERRORS:
            return (self.limit**2 if self.metric == "rmse" else self.limit) / self.cap
        if self.metric == "f1" and not self.average:
            return (2 - 2 * self.limit) / (2 - self.limit)
        return 1 - self.limit

    @property
    def value_is_mean(self) -> bool:
        """Whether the metric is the mean of its rows' losses, or the root of it."""
        return self.metric in ERRORS and self.metric not in (*RATIOS, "calibration_error")


def bounds_of_ratio(rows: Rows, metric: str, limit: float) -> tuple[float, float]:
    """The largest loss and the largest gain of a ratio's units that count, from rows that are usual.

    Parameters
    ----------
    rows
        Labels and predictions that are numbers.
    metric
        wape or r2.
    limit
        The metric's limit.

    Returns
    -------
    Both in the unit of the target, for r2 squared.

    Examples
    --------
    >>> rows = Rows(np.array([10.0, 20.0]), np.array([11.0, 18.0]))
    >>> bounds_of_ratio(rows, "wape", 0.2)
    (16.0, 16.0)
    """
    if not len(rows.truth):
        return 0.0, 0.0
    error = np.abs(rows.predicted - rows.truth)
    if metric == "wape":
        largest = float(np.abs(rows.truth).max()) * abs(limit) * 4
        return max(4 * float(np.quantile(error, 0.99)), largest), largest
    with np.errstate(over="ignore"):
        spread = float(np.square(np.ptp(rows.truth))) * (1 - limit)
        return max(4 * float(np.quantile(error**2, 0.99)), spread), spread
