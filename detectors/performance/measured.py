"""How well a model did on a window of predictions whose labels have come."""

import numpy as np
from sklearn import metrics

from detectors.drift.packing import Array


def classification(truth: Array, predicted: Array, score: Array | None = None) -> dict[str, float]:
    """Accuracy, and precision, recall and F1, each the mean over classes.

    Parameters
    ----------
    truth, predicted
        Classes, of shape (rows,). Without rows nothing is measured: the answer is empty.
    score
        For two classes, the probability of the greater one: adds the area under the ROC curve (where the window has
        both classes) and the Brier score.

    Returns
    -------
    The metrics by name, each between 0 and 1.

    Examples
    --------
    >>> classification(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 1]), np.array([0.0, 1.0, 1.0, 1.0]))
    {'accuracy': 1.0, 'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'roc_auc': 1.0, 'brier': 0.0}

    References
    ----------
    Brier: Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1950.
    """
    if not len(truth):
        return {}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, average="macro", zero_division=0.0
    )
    measured = {"accuracy": float(np.mean(truth == predicted)), "precision": precision, "recall": recall, "f1": f1}
    if score is not None and len(classes := np.unique(truth)) == 2:
        measured["roc_auc"] = metrics.roc_auc_score(truth, score)
        measured["brier"] = np.mean(((truth == classes[1]) - score) ** 2)
    return {name: float(value) for name, value in measured.items()}


def regression(truth: Array, predicted: Array) -> dict[str, float]:
    """Mean absolute error, root mean squared error and bias in the target's unit; r2 where the target varies.

    Parameters
    ----------
    truth, predicted
        Numbers in the unit of the target, of shape (rows,). Without rows the answer is empty.

    Returns
    -------
    mae, rmse and bias in the unit of the target; r2 without a unit.

    Examples
    --------
    >>> regression(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    {'mae': 1.0, 'rmse': 1.0, 'bias': 1.0, 'r2': -0.5}
    """
    if not len(truth):
        return {}
    error = predicted - truth
    measured = {"mae": np.mean(np.abs(error)), "rmse": np.sqrt(np.mean(error**2)), "bias": np.mean(error)}
    if len(truth) > 1 and np.ptp(truth) > 0:
        measured["r2"] = metrics.r2_score(truth, predicted)
    return {name: float(value) for name, value in measured.items()}


def forecasting(truth: Array, predicted: Array, unit: float | None = None) -> dict[str, float]:
    """What :func:`regression` says, and the mean absolute percentage error where the truth is not 0 (as a share).

    Parameters
    ----------
    truth, predicted
        Of shape (rows,). Without rows nothing is measured: the answer is empty.
    unit
        What :func:`naive_error` says of the reference: adds the mean absolute scaled error (MASE; Hyndman and Koehler,
        Another look at measures of forecast accuracy, International Journal of Forecasting 22, 2006).

    Returns
    -------
    The metrics by name: those of :func:`regression`, mape as a share, mase without a unit.

    Examples
    --------
    >>> measured = forecasting(np.array([10.0, 20.0]), np.array([11.0, 18.0]), unit=3.0)
    >>> measured["mape"], measured["mase"]
    (0.1, 0.5)

    References
    ----------
    Hyndman and Koehler: Another look at measures of forecast accuracy. International Journal of Forecasting 22, 2006.
    """
    measured = regression(truth, predicted)
    known = truth != 0
    if known.any():
        measured["mape"] = float(np.mean(np.abs((predicted - truth)[known] / truth[known])))
    if unit and measured:
        measured["mase"] = measured["mae"] / unit
    return measured


def naive_error(truth: Array) -> float:
    """The mean absolute error of the forecast "as last time", over values in the order of time: shape (rows,).

    Parameters
    ----------
    truth
        Numbers in the unit of the target, in the order of time, of shape (rows,).

    Returns
    -------
    The error in the unit of the target; 0 for fewer than two rows.

    Examples
    --------
    >>> naive_error(np.array([1.0, 3.0, 2.0]))
    1.5

    References
    ----------
    Hyndman and Koehler: Another look at measures of forecast accuracy. International Journal of Forecasting 22, 2006.
    """
    return float(np.mean(np.abs(np.diff(truth)))) if len(truth) > 1 else 0.0
