"""Performance is measured as defined, and estimated near what the labels say when they come."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from detectors.performance.confidence import ConfidenceEstimator
from detectors.performance.loss import LossEstimator
from detectors.performance.measured import classification, regression

Array = np.ndarray[Any, np.dtype[Any]]


def two_classes(random: np.random.Generator, rows: int, at: float = 0.0) -> tuple[Array, Array]:
    x = random.normal(at, 1.0, size=(rows, 2))
    return x, (random.random(rows) < 1 / (1 + np.exp(-2 * x[:, 0] + x[:, 1]))).astype(int)


@pytest.mark.parametrize("at", [-1.0, 0.0, 1.0])
def test_a_classifiers_performance_is_estimated_without_labels_where_the_inputs_drift(at: float) -> None:
    random = np.random.default_rng(1)
    model = LogisticRegression().fit(*two_classes(random, 5000))
    x, label = two_classes(random, 5000)
    estimator = ConfidenceEstimator.fit(model.predict_proba(x)[:, 1] ** 3, label)  # far from calibrated
    x, label = two_classes(random, 5000, at)
    score, predicted = model.predict_proba(x)[:, 1] ** 3, model.predict(x)
    estimated = ConfidenceEstimator.restore(estimator.state()).estimate(score, predicted)
    truth = {
        "accuracy": np.mean(label == predicted),
        "precision": label[predicted == 1].mean(),
        "recall": predicted[label == 1].mean(),
        "f1": 2 * (label & predicted).sum() / (label.sum() + predicted.sum()),
        "roc_auc": classification(label, predicted, score)["roc_auc"],
    }
    assert estimated == pytest.approx(truth, abs=0.03)


def bent(random: np.random.Generator, rows: int, low: float) -> tuple[Array, Array]:
    """What a straight line fits well only below 1."""
    x = random.uniform(low, 2.0, size=(rows, 1))
    return x, np.where(x[:, 0] < 1, x[:, 0], 5.0) + random.normal(0, 0.1, size=rows)


def test_a_regressions_loss_is_estimated_without_labels_where_the_inputs_drift() -> None:
    random = np.random.default_rng(2)
    model = LinearRegression().fit(*bent(random, 2000, low=-2.0))
    x, truth = bent(random, 4000, low=-2.0)
    estimator = LossEstimator().fit(x, model.predict(x), truth)
    for low in (-2.0, 0.5):
        x, truth = bent(random, 2000, low)
        measured, estimated = regression(truth, model.predict(x)), estimator.estimate(x, model.predict(x))
        assert estimated == pytest.approx({name: measured[name] for name in estimated}, rel=0.05)


def test_an_empty_window_has_no_performance() -> None:
    empty = np.array([])
    assert classification(empty, empty, empty) == regression(empty, empty) == {}
    estimator = ConfidenceEstimator.fit(np.array([0.2, 0.8]), np.array([0, 1]))
    assert estimator.estimate(empty, empty) == {}


def test_a_window_of_one_class_or_one_value_leaves_out_what_is_undefined() -> None:
    ones = np.ones(3)
    assert "roc_auc" not in classification(ones, ones, ones)
    assert "r2" not in regression(ones, ones)
    estimator = ConfidenceEstimator.fit(np.array([0.2, 0.8]), np.array([0, 1]))
    assert "roc_auc" not in estimator.estimate(ones, ones)


def test_classes_are_weighed_alike_however_rare() -> None:
    truth = np.array(["a"] * 98 + ["b", "c"])
    measured = classification(truth, np.array(["a"] * 100))
    assert measured["accuracy"] == pytest.approx(0.98) and measured["recall"] == pytest.approx(1 / 3)
