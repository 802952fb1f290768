"""How well a classifier does where no labels have come, from how sure it is of itself."""

import msgspec
import numpy as np
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from detectors.drift.packing import Array, pack, unpack


class ConfidenceEstimator(msgspec.Struct, frozen=True):
    """Confidence-based performance estimation for two classes (CBPE; Białek, Kuberski, Perrakis and Bifet, Estimating
    model performance under covariate shift without labels, 2024).

    The scores are calibrated on the labelled reference (isotonic regression); a calibrated score is the chance that the
    row's label is 1, so that each count of the confusion matrix has a known expectation. True as long as the labels
    still depend on the inputs as they did: drift of the inputs is seen, drift of the concept is not. For more than two
    classes give the predicted class's probability as score, whether it was right as label, and 1 as predicted: the
    accuracy holds.

    Parameters
    ----------
    scores
        Scores of the reference at which the calibration changes, ascending, of shape (steps,).
    chances
        The calibrated chance of label 1 at each, between 0 and 1, of shape (steps,).

    Examples
    --------
    >>> score = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    >>> estimator = ConfidenceEstimator.fit(score, label=np.array([0, 0, 0, 1, 1, 1, 1, 0]))
    >>> round(estimator.estimate(score, predicted=(score > 0.5).astype(int))["accuracy"], 2)
    0.75

    References
    ----------
    Białek, Kuberski, Perrakis and Bifet: Estimating model performance under covariate shift without labels. 2024.
    """

    scores: Array
    chances: Array

    @classmethod
    def fit(cls, score: Array, label: Array) -> "ConfidenceEstimator":
        """Calibrates on scores and labels (0 or 1), both of shape (rows,)."""
        fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(score, label)
        return cls(np.asarray(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_))

    def estimate(self, score: Array, predicted: Array) -> dict[str, float]:
        """The expected accuracy, precision, recall, F1 and area under the ROC curve; empty without rows.

        Parameters
        ----------
        score
            The model's probability of class 1, of shape (rows,).
        predicted
            The class it said, 0 or 1, of shape (rows,).
        """
        if not len(score):
            return {}
        chance = np.interp(score, self.scores, self.chances)
        hits, positives, predicted_positives = (
            float(chance[predicted == 1].sum()),
            float(chance.sum()),
            int((predicted == 1).sum()),
        )
        right = hits + float((1 - chance[predicted != 1]).sum())
        estimated = {
            "accuracy": right / len(score),
            "precision": hits / predicted_positives if predicted_positives else 0.0,
            "recall": hits / positives if positives else 0.0,
            "f1": 2 * hits / (predicted_positives + positives) if predicted_positives + positives else 0.0,
        }
        if 0 < positives < len(score):
            estimated["roc_auc"] = _expected_area(score, chance)
        return estimated

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "ConfidenceEstimator":
        return unpack(state, cls)


def _expected_area(score: Array, chance: Array) -> float:
    """Each row counts as positive with its chance and as negative with the rest."""
    label = np.repeat([1, 0], len(score))
    return float(metrics.roc_auc_score(label, np.tile(score, 2), sample_weight=np.concatenate([chance, 1 - chance])))
