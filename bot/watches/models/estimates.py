"""How well a model does where no labels have come, row by row."""

import numpy as np

from bot.domain.watched.monitor import Metric
from bot.watches.models.rows import Task, finite
from bot.watches.models.window import Known, Table, chosen
from bot.watches.models.wording import Unchecked
from detectors.drift.categories import category
from detectors.drift.encoding import encoded
from detectors.drift.packing import Array
from detectors.drift.profile import Profile
from detectors.performance.badness import Scale, expected_badness
from detectors.performance.confidence import ConfidenceEstimator
from detectors.performance.loss import LossEstimator

_MOST_ROWS = 20_000


class Estimates:
    """Fitted on a labelled reference: confidence-based for classes, direct loss estimation for numbers."""

    def __init__(self, task: Task, before: Profile, calibrated: ConfidenceEstimator | LossEstimator) -> None:
        self._task, self._before, self._calibrated = task, before, calibrated

    @classmethod
    def fitted(cls, task: Task, known: Known | None) -> "Estimates":
        """Raises Unchecked where the reference does not have what it takes."""
        if known is None or known.table.label is None or known.table.prediction is None:
            raise Unchecked("an estimate needs a reference with labels and predictions")
        rows, usable = task.rows_of(known.table)
        if len(rows.truth) < 2:
            raise Unchecked(f"the reference {known.reference.version} has too few rows with labels and predictions")
        table = chosen(known.table, usable)
        if task.metric.is_error:
            some = np.random.default_rng(0).permutation(len(rows.truth))[:_MOST_ROWS]
            features = encoded(known.features, table.features, list(known.features.columns))
            estimator = LossEstimator().fit(features[some], rows.predicted[some], rows.truth[some])
            return cls(task, known.features, estimator)
        if table.score is None:
            raise Unchecked(f"the reference {known.reference.version} has no scores, and an estimate needs them")
        score = finite(table.score)
        label = rows.truth == (rows.predicted if _of_many(task) else task.positive)
        told = ~np.isnan(score)
        if not told.any():
            raise Unchecked(f"the reference {known.reference.version} has no scores, and an estimate needs them")
        return cls(task, known.features, ConfidenceEstimator.fit(score[told], label[told].astype(np.float64)))

    def of(self, table: Table, scale: Scale) -> tuple[Array, float | None]:
        """How bad each row is expected to be, whose mean is to stay below the scale's level; and the metric's estimate.

        Raises Unchecked.
        """
        if isinstance(self._calibrated, LossEstimator):
            loss = self._losses(table, scale)
            loss = loss[~np.isnan(loss)]
            value = None if not len(loss) else float(np.sqrt(loss.mean()) if scale.metric == "rmse" else loss.mean())
            return (loss / scale.cap).clip(0, 1), value
        chance, said, score = self._chances(table)
        estimated = self._calibrated.estimate(score, said.astype(np.int64))
        return expected_badness(chance, said, scale), estimated.get(scale.metric)

    def each_row(self, table: Table, scale: Scale) -> Array:
        """How bad each row is expected to be, by itself."""
        if isinstance(self._calibrated, LossEstimator):
            return np.nan_to_num(self._losses(table, scale) / scale.cap).clip(0, 1)
        chance, said, _ = self._chances(table)
        return np.where(said, 1 - chance, chance)

    def _losses(self, table: Table, scale: Scale) -> Array:
        assert isinstance(self._calibrated, LossEstimator)
        if table.prediction is None:
            raise Unchecked("no predictions")
        predicted = finite(table.prediction)
        told, loss = ~np.isnan(predicted), np.full(table.rows, np.nan)
        if told.any():
            features = encoded(self._before, table.features, list(self._before.columns))[told]
            loss[told] = self._calibrated.losses(features, predicted[told])[scale.metric == Metric.RMSE]
        return loss

    def _chances(self, table: Table) -> tuple[Array, Array, Array]:
        """Each row's chance of the positive class, whether the model said that one, and its score."""
        assert isinstance(self._calibrated, ConfidenceEstimator)
        if table.score is None or table.prediction is None:
            raise Unchecked("an estimate needs predictions with their scores")
        score = np.nan_to_num(finite(table.score), nan=0.5)
        chance = np.interp(score, self._calibrated.scores, self._calibrated.chances)
        if _of_many(self._task):
            return chance, np.ones(table.rows, dtype=bool), score
        said = np.array([category(value) == self._task.positive for value in table.prediction.tolist()], dtype=bool)
        return chance, said, score


def _of_many(task: Task) -> bool:
    """Of more than two classes the score is that of the class that was predicted."""
    return len(task.classes) > 2
