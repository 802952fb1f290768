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

    Examples
    --------
    >>> classification(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 1]), np.array([0.0, 1.0, 1.0, 1.0]))
    {'accuracy': 1.0, 'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'roc_auc': 1.0, 'brier': 0.0}
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
