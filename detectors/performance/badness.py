"""A metric as a mean of bounded values, so that it can be bet on: how bad each row (or pair, or query) is."""

from typing import NamedTuple

import numpy as np
from sklearn import metrics

from detectors.drift.packing import Array
from detectors.performance.ranking import gain, reciprocal_rank

ERRORS = ("mae", "rmse", "mape", "mase")
OF_TWO_CLASSES = ("precision", "recall", "f1", "roc_auc")
_ROOM = 4.0
"""The largest error that counts, beside the limit and the reference's 99th percentile."""


class Rows(NamedTuple):
    """Predictions with their labels, each of shape (rows,). ``positive`` is the greater of two classes.

    ``score`` is the probability of that class; for rankings, what the rows of one ``group`` are ordered by.

    Parameters
    ----------
    truth, predicted
        Labels and predictions, of shape (rows,): classes, or numbers in the unit of the target.
    score
        The probability of the greater class, of shape (rows,), between 0 and 1; for rankings any number.
    group
        The query that a row belongs to, of shape (rows,); for rankings only.

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

    def where(self, chosen: Array) -> "Rows":
        score, group = (None if column is None else column[chosen] for column in (self.score, self.group))
        return Rows(self.truth[chosen], self.predicted[chosen], score, group)


class Scale(NamedTuple):
    """How a metric's values are read: ``limit`` in the metric's unit, beyond which the model is worse than it may be.

    ``cap`` is the largest loss that counts (of errors), ``unit`` what a mean absolute scaled error is scaled by, and
    ``positive`` the class that precision and recall are of.

    Parameters
    ----------
    metric
        accuracy, precision, recall, f1, roc_auc, mae, rmse, mape, mase, ndcg or mrr.
    limit
        In the unit of the metric: the target's for mae and rmse, a share for all others.
    cap, unit
        The largest loss that counts (for rmse, its square), and the naive forecast's error: in the target's unit.
    positive
        The class that precision, recall and f1 are of.

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

    @property
    def level(self) -> float:
        """The limit of the badness, between 0 and 1: the metric is worse than its limit as the badness's mean is."""
        if self.metric in ERRORS:
            return (self.limit**2 if self.metric == "rmse" else self.limit) / self.cap
        return (2 - 2 * self.limit) / (2 - self.limit) if self.metric == "f1" else 1 - self.limit


def scale_for(metric: str, limit: float, losses: Array | None = None, unit: float = 1.0, positive: object = 1) -> Scale:
    """The scale of a metric: the largest loss that counts comes from the ``losses`` of a reference, where it has them.

    Raises ValueError where the limit is none that the metric can pass.

    Parameters
    ----------
    metric, limit, unit, positive
        As in :class:`Scale`.
    losses
        The losses of the reference, of shape (rows,), as from :func:`losses_of`; for errors only.

    Returns
    -------
    The scale, whose level is the mean badness that the limit allows.

    Examples
    --------
    >>> scale_for("mae", 2.0, losses=np.array([1.0, 1.5, 3.0])).metric
    'mae'
    >>> scale_for("accuracy", 90)
    Traceback (most recent call last):
        ...
    ValueError: accuracy lies between 0 and 1, and its limit would be 90
    """
    if metric not in ERRORS:
        if not 0 < limit < 1:
            raise ValueError(f"{metric} lies between 0 and 1, and its limit would be {limit:.3g}")
        return Scale(metric, limit, positive=positive)
    if not 0 < limit < float("inf"):
        raise ValueError(f"{metric} is positive, and its limit would be {limit:.3g}")
    bound = limit**2 if metric == "rmse" else limit
    usual = float(np.quantile(losses, 0.99)) if losses is not None and len(losses) else 0.0
    scale = Scale(metric, limit, _ROOM * max(usual, bound), unit)
    if not 0 < scale.level < 1:
        raise ValueError(f"the reference's {metric} is too uneven: a few errors dwarf all others")
    return scale


def losses_of(rows: Rows, metric: str, unit: float = 1.0) -> Array:
    """Of an error: each row's loss, whose mean (of ``rmse`` the root of the mean) the metric is.

    Parameters
    ----------
    rows
        Labels and predictions that are numbers.
    metric
        mae, rmse, mape or mase.
    unit
        What a mase is scaled by, in the unit of the target.

    Returns
    -------
    Losses of shape (rows,), 0 or more; for mape without the rows whose label is 0.

    Examples
    --------
    >>> losses_of(Rows(np.array([1.0, 4.0]), np.array([2.0, 2.0])), "rmse").tolist()
    [1.0, 4.0]

    References
    ----------
    Hyndman and Koehler: Another look at measures of forecast accuracy. International Journal of Forecasting 22, 2006.
    """
    with np.errstate(over="ignore"):
        error = np.abs(rows.predicted - rows.truth)
    if metric == "mape":
        known = rows.truth != 0
        return np.asarray(error[known] / np.abs(rows.truth[known]))
    with np.errstate(over="ignore"):
        return np.asarray(error**2 if metric == "rmse" else error / (unit if metric == "mase" else 1.0))


def badness(rows: Rows, scale: Scale) -> Array:
    """How bad each row is, from 0 to 1: its mean is at most ``scale.level`` while the metric is within its limit.

    Precision is judged by what was said to be positive, recall by what is; the area under the ROC curve by pairs of a
    positive and a negative row, ndcg and mrr by groups. F1 ≥ f is a bound on a mean too: f·(2TP + FP + FN) ≤ 2TP.

    Parameters
    ----------
    rows
        Labels and predictions.
    scale
        The metric and its limit.

    Returns
    -------
    Numbers between 0 and 1, of shape (units,): a unit is a row, a pair of rows for roc_auc, a group for rankings.

    Examples
    --------
    >>> rows = Rows(truth=np.array([0, 1, 1, 1]), predicted=np.array([0, 1, 1, 0]))
    >>> float(badness(rows, scale_for("accuracy", 0.9)).mean())
    0.25
    >>> badness(rows, scale_for("recall", 0.9)).tolist()
    [0.0, 0.0, 1.0]

    References
    ----------
    Waudby-Smith and Ramdas: Estimating means of bounded random variables by betting. JRSS B 86, 2024.
    """
    metric = scale.metric
    if metric in ERRORS:
        return np.asarray((losses_of(rows, metric, scale.unit) / scale.cap).clip(0, 1))
    if metric in ("ndcg", "mrr"):
        return np.array([1 - gain(*one) if metric == "ndcg" else 1 - reciprocal_rank(*one) for one in _groups(rows)])
    if metric == "accuracy":
        return np.asarray((rows.truth != rows.predicted).astype(np.float64))
    if metric == "roc_auc":
        return _misordered(rows, scale.positive)
    return _of_two_classes(rows.truth == scale.positive, rows.predicted == scale.positive, scale)


def value_of(rows: Rows, scale: Scale) -> float | None:
    """The metric itself; None where these rows say nothing of it, such as a recall without positive rows.

    Parameters
    ----------
    rows
        Labels and predictions.
    scale
        The metric, with the unit of a mase and the positive class.

    Returns
    -------
    The metric in its own unit, or None.

    Examples
    --------
    >>> value_of(Rows(truth=np.array([0, 1, 1, 1]), predicted=np.array([0, 1, 1, 0])), scale_for("f1", 0.9))
    0.8
    """
    metric = scale.metric
    if metric == "f1":
        truth, predicted = rows.truth == scale.positive, rows.predicted == scale.positive
        either = np.count_nonzero(truth) + np.count_nonzero(predicted)
        return float(2 * np.count_nonzero(truth & predicted) / either) if either else None
    if metric == "roc_auc":
        positive = rows.truth == scale.positive
        both = rows.score is not None and bool(positive.any()) and not positive.all()
        return float(metrics.roc_auc_score(positive, rows.score)) if both else None
    each = losses_of(rows, metric, scale.unit) if metric in ERRORS else 1 - badness(rows, scale)
    if not len(each):
        return None
    return float(np.sqrt(each.mean()) if metric == "rmse" else each.mean())


def expected_badness(chance: Array, predicted: Array, scale: Scale) -> Array:
    """The same before labels have come: ``chance`` is each row's chance that its label is the positive class.

    ``predicted`` says for which rows the model predicted that class; both of shape (rows,).

    Parameters
    ----------
    chance
        Of shape (rows,), between 0 and 1.
    predicted
        Booleans of shape (rows,).
    scale
        accuracy, precision, recall or f1, and its limit.

    Returns
    -------
    Expected badness between 0 and 1, of shape (rows,); for precision of the rows that are predicted positive.

    Examples
    --------
    >>> chance, predicted = np.array([0.75, 0.25]), np.array([True, False])
    >>> expected_badness(chance, predicted, scale_for("accuracy", 0.9)).tolist()
    [0.25, 0.25]

    References
    ----------
    Białek, Kuberski, Perrakis and Bifet: Estimating model performance under covariate shift without labels. 2024.
    """
    metric, limit = scale.metric, scale.limit
    if metric == "accuracy":
        return np.where(predicted, 1 - chance, chance)
    if metric == "precision":
        return np.asarray(1 - chance[predicted])
    if metric == "recall":
        return np.where(predicted, limit * chance - chance, limit * chance) + 1 - limit
    if metric == "f1":
        cost = np.where(predicted, limit * (chance + 1) - 2 * chance, limit * chance)
        return np.asarray((cost + 2 - 2 * limit) / (2 - limit)).clip(0, 1)
    raise ValueError(f"{metric} cannot be estimated row by row")


def _of_two_classes(truth: Array, predicted: Array, scale: Scale) -> Array:
    if scale.metric == "precision":
        return np.asarray((~truth[predicted]).astype(np.float64))
    if scale.metric == "recall":
        return np.asarray((~predicted[truth]).astype(np.float64))
    cost = np.where(truth & predicted, 2 * scale.limit - 2, np.where(truth != predicted, scale.limit, 0.0))
    return np.asarray((cost + 2 - 2 * scale.limit) / (2 - scale.limit)).clip(0, 1)


def _misordered(rows: Rows, positive: object) -> Array:
    """Pairs that share no row, in the order of their arrival: so they tell of the model one after another."""
    if rows.score is None:
        return np.zeros(0)
    is_positive = rows.truth == positive
    above, below = rows.score[is_positive], rows.score[~is_positive]
    pairs = min(len(above), len(below))
    above, below = above[:pairs], below[:pairs]
    return np.where(above > below, 0.0, np.where(above == below, 0.5, 1.0))


def _groups(rows: Rows) -> list[tuple[Array, Array]]:
    """The relevance and the score of each group's rows, the groups as they came."""
    if rows.group is None:
        return []
    order = rows.score if rows.score is not None else rows.predicted
    names, place = np.unique(rows.group.astype(str), return_inverse=True)
    return [(rows.truth[place == at], order[place == at]) for at in range(len(names))]
