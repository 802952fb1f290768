"""The metrics of how well a model does."""

from enum import StrEnum


class Metric(StrEnum):
    """How well a model does. Of errors less is better; all others are shares, of which more is."""

    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    ROC_AUC = "roc_auc"
    MAE = "mae"
    RMSE = "rmse"
    MAPE = "mape"
    MASE = "mase"
    NDCG = "ndcg"
    MRR = "mrr"

    @property
    def is_error(self) -> bool:
        return self in (Metric.MAE, Metric.RMSE, Metric.MAPE, Metric.MASE)

    @property
    def ranks(self) -> bool:
        return self in (Metric.NDCG, Metric.MRR)


ESTIMABLE = (Metric.ACCURACY, Metric.PRECISION, Metric.RECALL, Metric.F1, Metric.MAE, Metric.RMSE)
