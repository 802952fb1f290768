"""A metric as a mean of bounded values, so that it can be bet on: how bad each row (or pair, or query, or part) is."""

import numpy as np
from sklearn import metrics

from detectors.drift.packing import Array
from detectors.performance.averages import average_of, averaged, parts_of_average
from detectors.performance.chances import calibration_error, chance_losses, miscalibration
from detectors.performance.quantiles import crps_losses, pinball_losses
from detectors.performance.ranking import gain, reciprocal_rank
from detectors.performance.scale import ERRORS, OF_CHANCES, RATIOS, Rows, Scale

_ROOM = 4.0
"""The largest error that counts, beside the limit and the reference's 99th percentile."""


def scale_for(scale: Scale, losses: Array | None = None) -> Scale:
    """The scale with the largest loss that counts: from the ``losses`` of a reference, where it has them.

    Raises ValueError where the limit is none that the metric can pass.

    Parameters
    ----------
    scale
        The metric and its limit; of a ratio with its bounds.
    losses
        The losses of the reference, of shape (rows,), as from :func:`losses_of`; for errors only.

    Returns
    -------
    The scale, whose level is the mean badness that the limit allows.

    Examples
    --------
    >>> round(scale_for(Scale("mae", 2.0), losses=np.array([1.0, 1.5, 3.0])).cap, 2)
    11.88
    >>> scale_for(Scale("accuracy", 90))
    Traceback (most recent call last):
        ...
    ValueError: accuracy lies between 0 and 1, and its limit would be 90
    """
    metric, limit = scale.metric, scale.limit
    if metric == "r2" and not -np.inf < limit < 1:
        raise ValueError(f"r2 lies below 1, and its limit would be {limit:.3g}")
    if ((metric not in ERRORS and metric != "r2") or metric == "calibration_error") and not 0 < limit < 1:
        raise ValueError(f"{metric} lies between 0 and 1, and its limit would be {limit:.3g}")
    if metric in ERRORS and not 0 < limit < float("inf"):
        raise ValueError(f"{metric} is positive, and its limit would be {limit:.3g}")
    if scale.value_is_mean:
        bound = limit**2 if metric == "rmse" else limit
        usual = float(np.quantile(losses, 0.99)) if losses is not None and len(losses) else 0.0
        scale = scale._replace(cap=_ROOM * max(usual, bound))
    if not 0 < scale.level < 1:
        raise ValueError(f"the reference's {metric} is too uneven: a few errors dwarf all others")
    return scale


def losses_of(rows: Rows, scale: Scale) -> Array:
    """Of an error: each row's loss, whose mean (of ``rmse`` the root of the mean) the metric is.

    Parameters
    ----------
    rows
        Labels and predictions.
    scale
        mae, rmse, mape, mase, pinball, crps, log_loss or brier, with what it needs beside its limit.

    Returns
    -------
    Losses of shape (rows,), 0 or more; for mape without the rows whose label is 0.

    Examples
    --------
    >>> losses_of(Rows(np.array([1.0, 4.0]), np.array([2.0, 2.0])), Scale("rmse", 1.0)).tolist()
    [1.0, 4.0]

    References
    ----------
    Hyndman and Koehler: Another look at measures of forecast accuracy. International Journal of Forecasting 22, 2006.
    """
    metric = scale.metric
    if metric in OF_CHANCES:
        return chance_losses(rows, scale)
    if metric == "pinball":
        return pinball_losses(rows, scale.quantile)
    if metric == "crps":
        return crps_losses(rows)
    with np.errstate(over="ignore"):
        error = np.abs(rows.predicted - rows.truth)
    if metric == "mape":
        known = rows.truth != 0
        return np.asarray(error[known] / np.abs(rows.truth[known]))
    with np.errstate(over="ignore"):
        return np.asarray(error**2 if metric == "rmse" else error / (scale.unit if metric == "mase" else 1.0))


def badness(rows: Rows, scale: Scale) -> Array:
    """How bad each unit is, from 0 to 1: its mean is at most ``scale.level`` while the metric is within its limit.

    Precision is judged by what was predicted to be positive, recall by what is; the area under the ROC curve by pairs
    of a positive and a negative row, ndcg and mrr by groups. F1 ≥ f is a bound on a mean too: f·(2TP + FP + FN) ≤ 2TP.
    So are ratios: WAPE ≤ w where the mean of |error| − w·|truth| is 0 at most, R² ≥ r by pairs of rows, whose halved
    squared difference is the variance. What an average over classes, and average precision, are measured in: see
    ``averages``.

    Parameters
    ----------
    rows
        Labels and predictions.
    scale
        The metric and its limit.

    Returns
    -------
    Numbers between 0 and 1, of shape (units,): a unit is a row, a pair of rows, a group or a part of the window.

    Examples
    --------
    >>> rows = Rows(truth=np.array([0, 1, 1, 1]), predicted=np.array([0, 1, 1, 0]))
    >>> float(badness(rows, scale_for(Scale("accuracy", 0.9))).mean())
    0.25
    >>> badness(rows, scale_for(Scale("recall", 0.9))).tolist()
    [0.0, 0.0, 1.0]

    References
    ----------
    Waudby-Smith and Ramdas: Estimating means of bounded random variables by betting. JRSS B 86, 2024.
    """
    metric = scale.metric
    if metric in RATIOS:
        units = _units_of_ratio(rows, scale)
        return np.asarray((units.clip(-scale.floor, scale.cap) + scale.floor) / (scale.floor + scale.cap))
    if metric == "calibration_error":
        return (1 + miscalibration(rows, scale)) / 2
    if metric in ERRORS:
        return np.asarray((losses_of(rows, scale) / scale.cap).clip(0, 1))
    if metric in ("ndcg", "mrr"):
        return np.array([1 - gain(*one) if metric == "ndcg" else 1 - reciprocal_rank(*one) for one in _groups(rows)])
    if metric == "accuracy":
        return np.asarray((rows.truth != rows.predicted).astype(np.float64))
    if scale.average or metric == "average_precision":
        return 1 - averaged(rows, scale, parts_of_average(rows, scale))
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
        The metric, with the unit of a mase, the positive class or the average over classes.

    Returns
    -------
    The metric in its own unit, or None.

    Examples
    --------
    >>> value_of(Rows(truth=np.array([0, 1, 1, 1]), predicted=np.array([0, 1, 1, 0])), Scale("f1", 0.9))
    0.8
    """
    metric = scale.metric
    if metric in RATIOS or metric == "calibration_error":
        return _whole_value(rows, scale)
    if scale.average or metric == "average_precision":
        return average_of(rows, scale)
    if metric == "f1":
        truth, predicted = rows.truth == scale.positive, rows.predicted == scale.positive
        either = np.count_nonzero(truth) + np.count_nonzero(predicted)
        return float(2 * np.count_nonzero(truth & predicted) / either) if either else None
    if metric == "roc_auc":
        positive = rows.truth == scale.positive
        both = rows.score is not None and bool(positive.any()) and not positive.all()
        return float(metrics.roc_auc_score(positive, rows.score)) if both else None
    each = losses_of(rows, scale) if metric in ERRORS else 1 - badness(rows, scale)
    if not len(each):
        return None
    return float(np.sqrt(each.mean()) if metric == "rmse" else each.mean())


def _whole_value(rows: Rows, scale: Scale) -> float | None:
    if not len(rows.truth):
        return None
    if scale.metric == "calibration_error":
        return calibration_error(rows, scale)
    if scale.metric == "wape":
        whole = float(np.abs(rows.truth).sum())
        return float(np.abs(rows.predicted - rows.truth).sum()) / whole if whole else None
    if len(rows.truth) < 2 or not np.ptp(rows.truth):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return float(metrics.r2_score(rows.truth, rows.predicted))


def _units_of_ratio(rows: Rows, scale: Scale) -> Array:
    """What is 0 at most on average while the ratio is within its limit."""
    error = rows.predicted - rows.truth
    if scale.metric == "wape":
        return np.asarray(np.abs(error) - scale.limit * np.abs(rows.truth))
    even = len(error) // 2 * 2
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (error[:even:2] ** 2 + error[1:even:2] ** 2) / 2
        spread = (rows.truth[:even:2] - rows.truth[1:even:2]) ** 2 / 2
        return np.asarray(np.nan_to_num(squares - (1 - scale.limit) * spread, nan=0.0))  # both too large for a float


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
    >>> expected_badness(chance, predicted, Scale("accuracy", 0.9)).tolist()
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
