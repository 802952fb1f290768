"""What a finding about a model is of, whoever made it: one of our monitors, or another tool that reports to us."""

from enum import StrEnum

REFERENCE_DATA = "reference_data"
"""The annotation that says what data the reference was made of."""
DATA_VERSIONS = "data_versions"
"""The annotation that names the versions of the datasets that the model read."""


class FindingKind(StrEnum):
    """Kinds that several tools find. A monitor of a kind that only we have names its alert itself."""

    QUALITY = "quality"
    DRIFT = "drift"
    PREDICTION_DRIFT = "prediction_drift"
    MULTIVARIATE = "multivariate"
    CONCEPT_DRIFT = "concept_drift"
    PERFORMANCE = "performance"
    ESTIMATED_PERFORMANCE = "estimated_performance"
    EMBEDDING_DRIFT = "embedding_drift"

    @property
    def alertname(self) -> str:
        """The name of the alert that the finding is."""
        return _ALERT_NAMES[self]


_ALERT_NAMES = {
    FindingKind.QUALITY: "DataQuality",
    FindingKind.DRIFT: "FeatureDrift",
    FindingKind.PREDICTION_DRIFT: "PredictionDrift",
    FindingKind.MULTIVARIATE: "MultivariateDrift",
    FindingKind.CONCEPT_DRIFT: "ConceptDrift",
    FindingKind.PERFORMANCE: "ModelPerformance",
    FindingKind.ESTIMATED_PERFORMANCE: "EstimatedModelPerformance",
    FindingKind.EMBEDDING_DRIFT: "EmbeddingDrift",
}

_OF_THE_INPUT = {
    *(kind.alertname for kind in (FindingKind.QUALITY, FindingKind.DRIFT, FindingKind.MULTIVARIATE)),
    *(FindingKind.EMBEDDING_DRIFT.alertname, "DataFreshness"),
}


def changed_by_promotion(alertname: str) -> bool:
    """Whether an alert can end because another version of a model is served. What a model is fed with stays as it is.

    >>> changed_by_promotion("FeatureDrift"), changed_by_promotion("ModelPerformance")
    (False, True)
    """
    return alertname not in _OF_THE_INPUT
