"""What fairness between groups is measured in."""

from enum import StrEnum


class FairnessMetric(StrEnum):
    """The rate that must not differ by much between groups."""

    DEMOGRAPHIC_PARITY = "demographic_parity"
    """How often the positive class is predicted."""
    EQUAL_OPPORTUNITY = "equal_opportunity"
    """How often it is predicted where it is true: the true positive rate."""
    PREDICTIVE_EQUALITY = "predictive_equality"
    """How often it is predicted where it is not true: the false positive rate."""
    EQUAL_ACCURACY = "equal_accuracy"
    """How often the prediction is right."""

    @property
    def needs_labels(self) -> bool:
        return self is not FairnessMetric.DEMOGRAPHIC_PARITY

    @property
    def in_words(self) -> str:
        return _WORDS[self]


_WORDS = {
    FairnessMetric.DEMOGRAPHIC_PARITY: "positive predictions",
    FairnessMetric.EQUAL_OPPORTUNITY: "true positive rate",
    FairnessMetric.PREDICTIVE_EQUALITY: "false positive rate",
    FairnessMetric.EQUAL_ACCURACY: "accuracy",
}
