"""The metrics of how well a model does."""

from enum import StrEnum


class Metric(StrEnum):
    """How well a model does. Of errors less is better; of all others more is, and but for r2 they are shares."""

    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    ROC_AUC = "roc_auc"
    AVERAGE_PRECISION = "average_precision"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    CALIBRATION_ERROR = "calibration_error"
    MAE = "mae"
    RMSE = "rmse"
    MAPE = "mape"
    MASE = "mase"
    WAPE = "wape"
    R2 = "r2"
    PINBALL = "pinball"
    CRPS = "crps"
    NDCG = "ndcg"
    MRR = "mrr"

    @property
    def is_error(self) -> bool:
        return self in _ERRORS

    @property
    def ranks(self) -> bool:
        return self in (Metric.NDCG, Metric.MRR)

    @property
    def of_numbers(self) -> bool:
        """Whether labels and predictions are numbers."""
        return self in _OF_NUMBERS

    @property
    def of_chances(self) -> bool:
        """Whether it is measured by how likely the model found each class."""
        return self in _OF_CHANCES

    @property
    def of_one_class(self) -> bool:
        """Whether it is of one class against all others, or of several classes by an average."""
        return self in AVERAGED

    @property
    def by_row(self) -> bool:
        """Whether it tells how bad each single row is."""
        return self not in _BY_MANY_ROWS


class Average(StrEnum):
    """How a metric of one class becomes one of several; `per_class` judges each class by itself."""

    MACRO = "macro"
    MICRO = "micro"
    WEIGHTED = "weighted"
    PER_CLASS = "per_class"


AVERAGED = (Metric.PRECISION, Metric.RECALL, Metric.F1, Metric.ROC_AUC, Metric.AVERAGE_PRECISION)
ESTIMABLE = (Metric.ACCURACY, Metric.PRECISION, Metric.RECALL, Metric.F1, Metric.MAE, Metric.RMSE)
_OF_CHANCES = (Metric.ROC_AUC, Metric.AVERAGE_PRECISION, Metric.LOG_LOSS, Metric.BRIER, Metric.CALIBRATION_ERROR)
_OF_NUMBERS = (
    *(Metric.MAE, Metric.RMSE, Metric.MAPE, Metric.MASE, Metric.WAPE, Metric.R2, Metric.PINBALL, Metric.CRPS),
    *(Metric.NDCG, Metric.MRR),
)
_ERRORS = (
    *(Metric.MAE, Metric.RMSE, Metric.MAPE, Metric.MASE, Metric.WAPE, Metric.PINBALL, Metric.CRPS),
    *(Metric.LOG_LOSS, Metric.BRIER, Metric.CALIBRATION_ERROR),
)
_BY_MANY_ROWS = (
    *(Metric.ROC_AUC, Metric.AVERAGE_PRECISION, Metric.CALIBRATION_ERROR, Metric.WAPE, Metric.R2),
    *(Metric.NDCG, Metric.MRR),
)
