"""How bad rows are, from 0 to 1, where two versions of a model are compared: by the metric that the model is judged by.

A metric has to be a mean over rows for that. F1 is not, but it rises and falls with a share that is: of the rows that
are, or are predicted, positive those that are both. Pure.
"""

from typing import NamedTuple

import numpy as np

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import Metric
from bot.domain.watched.monitor import Scalar, WatchedModel
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.window import Table
from detectors.drift.packing import Array
from detectors.drift.profile import as_numbers
from detectors.drift.spellings import meaning
from detectors.drift.texts import category, is_missing

LEAST_USUAL = 100
"""Labelled rows of the champion by which errors are scaled."""
_LEAST_TOLD = 30
_MOST_CLASSES = 20
_ROOM = 4.0
_POINTS, _PART = 0.05, 0.1
_LEAST_MARGIN = 1e-4
_SUBSETS = (Metric.PRECISION, Metric.RECALL, Metric.F1)
_OF_SCORES = (Metric.LOG_LOSS, Metric.BRIER, Metric.CALIBRATION_ERROR, Metric.ROC_AUC, Metric.AVERAGE_PRECISION)
_BRIER = "squared error of the score"


class Yardstick(NamedTuple):
    """``metric`` in words; ``cap`` is the largest error that counts, 0 for classes; ``margin`` is what is tolerated, as
    badness and in words."""

    metric: str
    cap: float
    margin: float
    tolerated: str
    positive: str = ""
    squared: bool = False
    relative: bool = False

    @property
    def of_subset(self) -> bool:
        """Whether only some of the rows count, depending on what was predicted."""
        return self.metric in (Metric.PRECISION, Metric.F1)

    def value(self, badness: float) -> str:
        """The mean badness as people read it."""
        if self.cap:
            return f"{float(np.sqrt(badness * self.cap) if self.squared else badness * self.cap):.4g}"
        if self.metric == Metric.F1:
            return f"{2 * (1 - badness) / (2 - badness):.4g}"
        return f"{badness if self.metric == _BRIER else 1 - badness:.4g}"

    def of(self, table: Table) -> tuple[Array, Array]:
        """Which rows count, as booleans over all, and how bad each of these is."""
        if table.label is None:
            return np.zeros(table.rows, dtype=bool), np.zeros(0)
        return self._of_numbers(table) if self.cap else self._of_classes(table)

    def _of_numbers(self, table: Table) -> tuple[Array, Array]:
        if table.prediction is None or table.label is None:
            return np.zeros(table.rows, dtype=bool), np.zeros(0)
        losses = _losses(table, self.squared, self.relative)
        counts = np.isfinite(losses)
        return counts, (losses[counts] / self.cap).clip(0, 1)

    def _of_classes(self, table: Table) -> tuple[Array, Array]:
        truth = _classes(table.label, table.rows)
        if self.metric == _BRIER:
            score = np.full(table.rows, np.nan) if table.score is None else finite(table.score)
            counts = np.isfinite(score) & (truth != "")
            return counts, np.square(score[counts].clip(0, 1) - (truth[counts] == self.positive))
        predicted = _classes(table.prediction, table.rows)
        counts = (truth != "") & (predicted != "")
        if self.metric in (Metric.RECALL, Metric.F1):
            counts &= (truth == self.positive) | ((predicted == self.positive) & (self.metric == Metric.F1))
        if self.metric == Metric.PRECISION:
            counts &= predicted == self.positive
        return counts, (truth[counts] != predicted[counts]).astype(np.float64)


def yardstick(model: WatchedModel, usual: Table, worse_by: float | None) -> Yardstick | None:
    """What two versions are compared by; None where the rows so far do not settle that."""
    monitor = _monitor(model)
    metric = monitor.metric if monitor is not None else None
    if metric is not None and (metric.of_numbers or metric.ranks):
        return _of_numbers(metric, usual, _part(monitor, worse_by))
    if metric is None:
        if usual.label is None or usual.rows < _LEAST_TOLD:
            return None
        if _are_numbers(usual.label):
            return _of_numbers(Metric.MAE, usual, _part(monitor, worse_by))
    settled = metric in (None, Metric.ACCURACY) or (model.positive is not None and metric in _SUBSETS)
    if not settled and usual.rows < _LEAST_TOLD:
        return None
    return _of_classes(metric or Metric.ACCURACY, model, usual, monitor, worse_by)


def compares(model: WatchedModel) -> bool:
    """Whether labels can tell: rankings are not compared row by row."""
    monitor = _monitor(model)
    return monitor is None or monitor.metric is None or not monitor.metric.ranks


def _monitor(model: WatchedModel) -> PerformanceRules | None:
    found = [one for one in model.monitors.values() if isinstance(one, PerformanceRules)]
    measured = [one for one in found if one.kind == FindingKind.PERFORMANCE]
    return next(iter(measured or found), None)


def _part(monitor: PerformanceRules | None, worse_by: float | None) -> float:
    given = monitor.worse_by if monitor is not None and monitor.metric and monitor.metric.is_error else None
    return worse_by if worse_by is not None else given if given is not None else _PART


def _of_numbers(metric: Metric, usual: Table, part: float) -> Yardstick | None:
    """Errors are scaled by the champion's, of which the hundredth that is largest counts no more than four times."""
    if usual.label is None or usual.prediction is None:
        return None
    squared, relative = metric in (Metric.RMSE, Metric.R2), metric is Metric.MAPE
    losses = _losses(usual, squared, relative)
    losses = losses[np.isfinite(losses)]
    if len(losses) < LEAST_USUAL:
        return None
    cap = _ROOM * float(np.quantile(losses, 0.99)) or 1.0
    mean = float((losses / cap).clip(0, 1).mean())
    more = (1 + part) ** 2 - 1 if squared else part
    name = "root of the mean squared error" if squared else "relative error" if relative else "mean absolute error"
    margin = min(max(mean * more, _LEAST_MARGIN), 0.9)
    return Yardstick(name, cap, margin, f"{part:.3g} of it", squared=squared, relative=relative)


def _of_classes(
    metric: Metric, model: WatchedModel, usual: Table, monitor: PerformanceRules | None, worse_by: float | None
) -> Yardstick:
    positive = _positive(model.positive, usual)
    name = str(metric) if metric in _SUBSETS and positive else str(Metric.ACCURACY)
    if metric in _OF_SCORES and positive and usual.score is not None:
        name = _BRIER
    given = monitor.worse_by if monitor is not None and monitor.metric and not monitor.metric.is_error else None
    points = worse_by if worse_by is not None else given if given is not None else _POINTS
    return Yardstick(name, 0.0, min(points, 0.9), f"{points:.3g}", positive)


def _positive(given: Scalar | None, usual: Table) -> str:
    """The positive class by its meaning; empty where it is not known."""
    if given is not None:
        return meaning(category(given))
    return "1" if set(_classes(usual.label, usual.rows).tolist()) <= {"", "0", "1", "-1"} else ""


def _losses(table: Table, squared: bool, relative: bool) -> Array:
    assert table.label is not None and table.prediction is not None
    truth, predicted = finite(table.label), finite(table.prediction)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        error = np.abs(predicted - truth)
        return np.asarray(error**2 if squared else error / np.abs(truth) if relative else error)


def _classes(column: Array | None, rows: int) -> Array:
    """Classes by their meaning, so that 1, "1.0" and true are one; empty where one is missing."""
    if column is None:
        return np.full(rows, "", dtype=object)
    values = column.tolist()
    known = {value: "" if is_missing(value) else meaning(category(value)) for value in set(values)}
    read = np.empty(len(values), dtype=object)
    read[:] = [known[value] for value in values]
    return read


def _are_numbers(column: Array) -> bool:
    return column.dtype.kind in "iuf" and len(np.unique(column[~np.isnan(finite(column))])) > _MOST_CLASSES


def finite(raw: Array) -> Array:
    """The column as floats, NaN for what is no number or infinite."""
    numbers = as_numbers(raw)
    return np.where(np.isfinite(numbers), numbers, np.nan)
