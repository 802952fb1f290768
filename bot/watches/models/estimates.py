"""How well a model does where no labels have come, row by row."""

import numpy as np
from sklearn.metrics import roc_auc_score

from bot.domain.watched.metric import Metric
from bot.watches.models.kinds.registry import CheckSkipped
from bot.watches.models.task import Task, finite
from bot.watches.models.window import LoadedReference, Table, chosen
from detectors.drift.encoding import encoded
from detectors.drift.packing import Array
from detectors.drift.profile import Profile
from detectors.performance.badness import expected_badness
from detectors.performance.confidence import ConfidenceEstimator
from detectors.performance.loss import LossEstimator
from detectors.performance.scale import Scale

_MOST_ROWS = 20_000
_LEAST_ROWS = 20
_OTHER_CLASS = 0.3


class Estimates:
    """Fitted on a labelled reference: confidence-based for classes, direct loss estimation for numbers."""

    def __init__(self, task: Task, before: Profile, calibrated: ConfidenceEstimator | LossEstimator) -> None:
        self._task, self._before, self._calibrated = task, before, calibrated

    @classmethod
    def fitted(cls, task: Task, loaded: LoadedReference | None) -> "Estimates":
        """Raises CheckSkipped where the reference does not have what it takes."""
        if loaded is None or loaded.table.label is None or loaded.table.prediction is None:
            raise CheckSkipped("an estimate needs a reference with labels and predictions")
        rows, usable = task.rows_of(loaded.table)
        if len(rows.truth) < 2:
            raise CheckSkipped(f"the reference {loaded.version} has too few rows with labels and predictions")
        table = chosen(loaded.table, usable)
        if task.metric.is_error:
            some = np.random.default_rng(0).permutation(len(rows.truth))[:_MOST_ROWS]
            features = encoded(loaded.features, table.features, list(loaded.features.columns))
            estimator = LossEstimator().fit(features[some], rows.predicted[some], rows.truth[some])
            return cls(task, loaded.features, estimator)
        score = task.confidence(table)
        if score is None:
            raise CheckSkipped(f"the reference {loaded.version} has no scores, and an estimate needs them")
        label = rows.truth == (rows.predicted if _of_many(task) else task.positive)
        usable_rows = ~np.isnan(score)
        if not usable_rows.any():
            raise CheckSkipped(f"the reference {loaded.version} has no scores, and an estimate needs them")
        if not _of_many(task) and _of_other_class(score[usable_rows], label[usable_rows]):
            raise CheckSkipped(
                f"scores of the reference {loaded.version} are low where the label is {task.positive!r}: "
                "they have to be the probability of that class"
            )
        return cls(
            task, loaded.features, ConfidenceEstimator.fit(score[usable_rows], label[usable_rows].astype(np.float64))
        )

    def of(self, table: Table, scale: Scale) -> tuple[Array, float | None]:
        """How bad each row is expected to be, whose mean is to stay below the scale's level; and the metric's estimate.

        Raises CheckSkipped.
        """
        if isinstance(self._calibrated, LossEstimator):
            loss = self._losses(table, scale)
            loss = loss[~np.isnan(loss)]
            value = None if not len(loss) else float(np.sqrt(loss.mean()) if scale.metric == "rmse" else loss.mean())
            return (loss / scale.cap).clip(0, 1), value
        chance, positive, score = self._chances(table)
        estimated = self._calibrated.estimate(score, positive.astype(np.int64))
        return expected_badness(chance, positive, scale), estimated.get(scale.metric)

    def each_row(self, table: Table, scale: Scale) -> Array:
        """How bad each row is expected to be, by itself."""
        if isinstance(self._calibrated, LossEstimator):
            return np.nan_to_num(self._losses(table, scale) / scale.cap).clip(0, 1)
        chance, positive, _ = self._chances(table)
        return np.where(positive, 1 - chance, chance)

    def _losses(self, table: Table, scale: Scale) -> Array:
        assert isinstance(self._calibrated, LossEstimator)
        if table.prediction is None:
            raise CheckSkipped("no predictions")
        predicted = finite(table.prediction)
        usable_rows, loss = ~np.isnan(predicted), np.full(table.rows, np.nan)
        if usable_rows.any():
            features = encoded(self._before, table.features, list(self._before.columns))[usable_rows]
            loss[usable_rows] = self._calibrated.losses(features, predicted[usable_rows])[scale.metric == Metric.RMSE]
        return loss

    def _chances(self, table: Table) -> tuple[Array, Array, Array]:
        """Each row's chance of the positive class, whether the model predicted it, and its score."""
        assert isinstance(self._calibrated, ConfidenceEstimator)
        score = self._task.confidence(table)
        if score is None or table.prediction is None:
            raise CheckSkipped("an estimate needs predictions with their scores")
        score = np.nan_to_num(score, nan=0.5)
        chance = np.interp(score, self._calibrated.scores, self._calibrated.chances)
        if _of_many(self._task):
            return chance, np.ones(table.rows, dtype=bool), score
        assert self._task.classes is not None
        return chance, self._task.classes.read(table.prediction) == self._task.positive, score


def _of_many(task: Task) -> bool:
    """Of more than two classes the score is that of the class that was predicted."""
    return task.of_many


def _of_other_class(score: Array, label: Array) -> bool:
    """Whether scores are lower where the label is the positive class, beyond doubt."""
    if min(np.count_nonzero(label), np.count_nonzero(~label)) < _LEAST_ROWS:
        return False
    return float(roc_auc_score(label, score)) < _OTHER_CLASS
