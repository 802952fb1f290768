"""A model's predictions and labels in the form in which a metric takes them: classes as text, or numbers."""

from typing import NamedTuple

import numpy as np

from bot.domain.watched.metric import Metric
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped
from bot.watches.models.window import Table
from detectors.drift.packing import Array
from detectors.drift.profile import as_numbers
from detectors.drift.texts import category, is_missing
from detectors.performance.badness import OF_TWO_CLASSES, Rows


class Task(NamedTuple):
    """What a metric is of. ``classes`` are the labels' classes, the smallest first; none where they are numbers."""

    metric: Metric
    group: str | None = None
    classes: tuple[str, ...] = ()

    @property
    def positive(self) -> str:
        """The greater of two classes."""
        return self.classes[-1] if self.classes else ""

    def rows_of(self, table: Table) -> tuple[Rows, Array]:
        """The rows that have what the metric needs, and which these are: booleans over all. Raises CheckSkipped."""
        truth, predicted = table.label, table.prediction
        if self.metric.ranks or self.metric is Metric.ROC_AUC:
            predicted = table.score if table.score is not None else predicted
        if truth is None or predicted is None:
            raise CheckSkipped(f"{self.metric} needs labels and {'scores' if self.metric.ranks else 'predictions'}")
        converted = _classes if self.classes else finite
        truth = converted(truth)
        predicted = finite(predicted) if self.metric is Metric.ROC_AUC else converted(predicted)
        usable = ~(_unknown(truth) | _unknown(predicted))
        score = _score(table, predicted, self.metric)
        group = None
        if self.group is not None:
            if self.group not in table.features:
                raise CheckSkipped(f"{self.metric} needs the column {self.group}, which names the group of a row")
            group = np.asarray(table.features[self.group])
        if score is not None:
            usable &= ~np.isnan(score)
        return Rows(truth, predicted, score, group).where(usable), usable


def task_of(monitor: PerformanceRules, table: Table) -> Task:
    """The task whose labels these are. Raises CheckSkipped where the metric is of two classes, and there are more."""
    assert monitor.metric is not None
    if monitor.metric.is_error or monitor.metric.ranks:
        return Task(monitor.metric, monitor.group)
    if table.label is None:
        raise CheckSkipped(f"{monitor.metric} needs labels")
    names = {category(value) for value in table.label.tolist() if not is_missing(value)}
    if monitor.metric in OF_TWO_CLASSES and len(names) > 2:
        raise CheckSkipped(f"{monitor.metric} is of two classes, and there are {len(names)}")
    return Task(monitor.metric, None, tuple(sorted(names, key=_size)))


def finite(raw: Array) -> Array:
    """The column as floats, NaN for what is no number or infinite."""
    numbers = as_numbers(raw)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _size(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def _classes(raw: Array) -> Array:
    return np.array([None if is_missing(value) else category(value) for value in raw.tolist()], dtype=object)


def _unknown(column: Array) -> Array:
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.array([is_missing(value) for value in column.tolist()], dtype=bool)


def _score(table: Table, predicted: Array, metric: Metric) -> Array | None:
    if metric.ranks or metric is Metric.ROC_AUC:
        return finite(predicted)
    return None
