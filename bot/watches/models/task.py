"""A model's predictions and labels in the form in which a metric takes them: classes as text, or numbers."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bot.domain.watched.metric import Average, Metric
from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.classes import Classes, classes_for
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped, few
from bot.watches.models.window import LoadedReference, Table
from detectors.drift.packing import Array
from detectors.drift.profile import as_numbers
from detectors.drift.spellings import meaning
from detectors.drift.texts import is_missing
from detectors.performance.scale import Rows, Scale

_WITHIN = (Metric.LOG_LOSS, Metric.BRIER, Metric.CALIBRATION_ERROR)


class Task(NamedTuple):
    """What a metric is of: numbers, or ``classes``."""

    metric: Metric
    group: str | None = None
    classes: Classes | None = None
    quantile: float = 0.5

    @property
    def positive(self) -> str:
        return self.classes.positive if self.classes else ""

    @property
    def names(self) -> tuple[str, ...]:
        return self.classes.names if self.classes else ()

    @property
    def in_words(self) -> str:
        """The metric, and of which class it is or how it is averaged."""
        if self.classes is None or not self.metric.of_one_class:
            return str(self.metric)
        if self.classes.average is not None:
            return f"{self.classes.average} {self.metric}"
        is_natural = {meaning(name) for name in self.names} <= {"-1", "0", "1"}
        return str(self.metric) if is_natural else f"{self.metric} of {self.positive}"

    @property
    def of_many(self) -> bool:
        """Whether it is of several classes at once."""
        return self.classes is not None and not self.positive

    def scale(self, limit: float, unit: float = 1.0, positive: str = "") -> Scale:
        """How the metric's values are read, before it is known how large a loss can be."""
        average = self.classes.average if self.classes else None
        metric = str(self.metric)
        if average is Average.MICRO:
            metric, average = "accuracy", None  # of rows with one class each, the three are the same
        if average is Average.PER_CLASS:
            return Scale(metric, limit, positive=positive)
        over = self.names if average or (self.of_many and self.metric.of_chances) else ()
        return Scale(metric, limit, 1.0, unit, self.positive, str(average or ""), classes=over, quantile=self.quantile)

    def rows_of(self, table: Table, positive: str = "") -> tuple[Rows, Array]:
        """The rows that have what the metric needs, and which these are: booleans over all. Raises CheckSkipped.

        ``positive`` is the class whose chance is the score, where each class is judged by itself.
        """
        if table.label is None:
            raise CheckSkipped(f"{self.metric} needs labels")
        rows = self._of_classes(table, self.classes, positive) if self.classes else self._of_numbers(table)
        usable = ~(_unknown(rows.truth) | _unknown(rows.predicted))
        for column in (rows.score, *rows.chances.values(), *rows.quantiles.values()):
            usable &= True if column is None else ~np.isnan(column)
        return rows.where(usable), usable

    def _of_numbers(self, table: Table) -> Rows:
        assert table.label is not None
        predicted = table.prediction
        quantiles = {level: finite(column) for level, column in table.quantiles.items()}
        if self.metric.ranks:
            predicted = table.score if table.score is not None else predicted
        elif self.metric is Metric.CRPS or (self.metric is Metric.PINBALL and self.quantile in quantiles):
            predicted = next(iter(table.quantiles.values()), None)
        else:
            quantiles = {}
        if predicted is None:
            needs = {Metric.CRPS: "predicted quantiles, as columns quantile.0.1 and so on"}
            raise CheckSkipped(f"{self.metric} needs {needs.get(self.metric, 'predictions')}")
        predicted = finite(predicted)
        return Rows(
            finite(table.label), predicted, predicted if self.metric.ranks else None, self._group(table), {}, quantiles
        )

    def _of_classes(self, table: Table, classes: Classes, positive: str) -> Rows:
        assert table.label is not None
        truth = classes.read(table.label)
        if self.metric.of_chances:
            score, chances = self._chances(table, classes, positive or classes.positive)
            _check_chances(self.metric, score, chances)
            predicted = truth if table.prediction is None else classes.read(table.prediction)
            return Rows(truth, predicted, score, None, chances)
        if table.prediction is None:
            raise CheckSkipped(f"{self.metric} needs predictions")
        return Rows(truth, classes.read(table.prediction))

    def _chances(self, table: Table, classes: Classes, positive: str) -> tuple[Array | None, Mapping[str, Array]]:
        by_class = {classes.spellings.known_as(name): finite(column) for name, column in table.scores.items()}
        if positive:
            score = by_class.get(positive, self._one_score(table))
            if score is None or (len(classes.names) > 2 and positive not in by_class):
                raise CheckSkipped(f"{self.metric} of {positive!r} needs scores, or a column score.{positive}")
            return score, {}
        if self.metric is Metric.CALIBRATION_ERROR and table.score is not None and not by_class:
            return finite(table.score), {}
        missing = [name for name in classes.names if name not in by_class]
        if missing or not classes.names:
            raise CheckSkipped(
                f"{self.metric} of several classes needs a column score.<class> for {few(missing) or 'each'}"
            )
        return None, {name: by_class[name] for name in classes.names}

    def confidence(self, table: Table) -> Array | None:
        """The probability of the positive class; of several classes that of the class that was predicted."""
        if self.classes is None or not table.scores:
            return None if table.score is None or self._lacks_own else finite(table.score)
        by_class = {self.classes.spellings.known_as(name): finite(column) for name, column in table.scores.items()}
        if self.positive or table.prediction is None:
            return by_class.get(self.positive)
        score, predicted = np.full(table.rows, np.nan), self.classes.read(table.prediction)
        for name, column in by_class.items():
            score = np.where(predicted == name, column, score)
        return score

    @property
    def _lacks_own(self) -> bool:
        """Whether the score is that of the class that was predicted, and the positive one's is wanted."""
        return bool(self.positive) and len(self.names) > 2

    def _one_score(self, table: Table) -> Array | None:
        """The score; where there is none, rows can be ordered by predictions that are numbers."""
        orders = self.metric in (Metric.ROC_AUC, Metric.AVERAGE_PRECISION)
        given = table.prediction if table.score is None and orders else table.score
        return None if given is None else finite(given)

    def _group(self, table: Table) -> Array | None:
        if self.group is None:
            return None
        if self.group not in table.features:
            raise CheckSkipped(f"{self.metric} needs the column {self.group}, which names the group of a row")
        return np.asarray(table.features[self.group])


def task_of(monitor: PerformanceRules, model: WatchedModel, table: Table, loaded: LoadedReference | None) -> Task:
    """The task whose labels these are. Raises CheckSkipped where it is not known which class the metric is of."""
    assert monitor.metric is not None
    if monitor.metric.of_numbers:
        return Task(monitor.metric, monitor.group, quantile=monitor.quantile or 0.5)
    return Task(monitor.metric, classes=classes_for(monitor, model, table, loaded))


def finite(raw: Array) -> Array:
    """The column as floats, NaN for what is no number or infinite."""
    numbers = as_numbers(raw)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _check_chances(metric: Metric, score: Array | None, chances: Mapping[str, Array]) -> None:
    if metric not in _WITHIN:
        return
    columns = [*chances.values(), *([score] if score is not None else [])]
    outside = int(sum(np.count_nonzero((column < 0) | (column > 1)) for column in columns))
    if outside:
        raise CheckSkipped(f"{outside} of {sum(map(len, columns))} scores are no probabilities between 0 and 1")


def _unknown(column: Array) -> Array:
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.array([is_missing(value) for value in column.tolist()], dtype=bool)
