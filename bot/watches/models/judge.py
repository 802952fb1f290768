"""Who judges rows by a metric: against a limit that is given, or that follows from the reference."""

from typing import NamedTuple

import numpy as np

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import AVERAGED, Metric
from bot.watches.models.estimates import Estimates
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped
from bot.watches.models.task import Task
from bot.watches.models.window import LoadedReference, Table, chosen
from detectors.drift.packing import Array
from detectors.performance.badness import badness, losses_of, scale_for, value_of
from detectors.performance.measured import naive_error
from detectors.performance.scale import Rows, Scale, bounds_of_ratio

_ROWWISE = tuple(metric for metric in Metric if metric.by_row and metric not in AVERAGED)
_RATIOS = (Metric.WAPE, Metric.R2)


class Judged(NamedTuple):
    """How bad each unit is, whose mean is to stay below the scale's level, and the metric where it is known."""

    badness: Array
    value: float | None


class Judge:
    """Judges rows, all or of a slice: from their labels, or from what the model's errors on the reference were like.

    ``positive`` is the class that it is of, where each is judged by itself.
    """

    def __init__(
        self, task: Task, scale: Scale, estimates: Estimates | None, baseline: float | None, positive: str = ""
    ) -> None:
        self.task, self.scale, self.estimates, self.baseline = task, scale, estimates, baseline
        self._positive = positive

    def of(self, table: Table) -> Judged:
        if self.estimates is not None:
            return Judged(*self.estimates.of(table, self.scale))
        rows, _ = self.task.rows_of(table, self._positive)
        return Judged(badness(rows, self.scale), value_of(rows, self.scale))

    def unusable(self, table: Table) -> int:
        """Rows whose label or prediction is missing, infinite or no number."""
        if self.estimates is not None:
            return 0
        return table.rows - int(np.count_nonzero(self.task.rows_of(table, self._positive)[1]))

    def each_row(self, table: Table) -> tuple[Array, Table]:
        """How bad each row is, for finding slices; and the rows themselves, without those that cannot be judged."""
        if self.estimates is not None:
            return self.estimates.each_row(table, self.scale), table
        rows, usable = self.task.rows_of(table, self._positive)
        table = chosen(table, usable)
        if self.scale.metric == Metric.MAPE:
            nonzero = rows.truth != 0
            rows, table = rows.where(nonzero), chosen(table, nonzero)
        scale = self.scale if self.scale.metric in _ROWWISE else Scale("accuracy", 0.5)
        return badness(rows, scale), table


def judge_for(
    monitor: PerformanceRules,
    task: Task,
    loaded: LoadedReference | None,
    positive: str = "",
    window: Table | None = None,
    bounds: tuple[float, float] | None = None,
) -> Judge:
    """What the rows are judged by: the limit is given, or follows from the reference. Raises CheckSkipped.

    The ``bounds`` of a ratio are the reference's, or else those of its first ``window``.
    """
    assert monitor.metric is not None
    baseline, unit = None, 1.0
    rows = _usual(task, loaded, positive)
    if rows is not None:
        unit = (naive_error(rows.truth) or 1.0) if monitor.metric is Metric.MASE else 1.0
        baseline = value_of(rows, task.scale(0.5, unit, positive))
    elif monitor.metric is Metric.MASE:
        raise CheckSkipped("mase is scaled by the reference's labels in the order of time, and there are none")
    scale = task.scale(_limit(monitor, baseline), unit, positive)
    if monitor.metric in _RATIOS:
        usual = rows if rows is not None or window is None else task.rows_of(window)[0]
        cap, floor = bounds_of_ratio(usual, scale.metric, scale.limit) if usual is not None else bounds or (0.0, 0.0)
        scale = scale._replace(cap=cap, floor=floor)
    losses = losses_of(rows, scale) if rows is not None and scale.value_is_mean else None
    try:
        scale = scale_for(scale, losses)
    except (ValueError, ZeroDivisionError) as error:
        raise CheckSkipped(str(error)) from error
    return Judge(task, scale, _estimates(monitor, task, loaded), baseline, positive)


def _usual(task: Task, loaded: LoadedReference | None, positive: str) -> Rows | None:
    """The reference's rows; None where it lacks labels, or what the model answered."""
    if loaded is None or loaded.table.label is None:
        return None
    try:
        return task.rows_of(loaded.table, positive)[0]
    except CheckSkipped:
        return None


def _estimates(monitor: PerformanceRules, task: Task, loaded: LoadedReference | None) -> Estimates | None:
    if monitor.kind != FindingKind.ESTIMATED_PERFORMANCE:
        return None
    name = f"estimates of {task.in_words} {task.positive}"
    estimates: Estimates | None = loaded.fitted.get(name) if loaded else None
    if estimates is None:
        estimates = Estimates.fitted(task, loaded)
    if loaded is not None:
        loaded.fitted[name] = estimates
    return estimates


def _limit(monitor: PerformanceRules, baseline: float | None) -> float:
    given = monitor.minimum if monitor.minimum is not None else monitor.maximum
    if given is not None:
        return given
    if baseline is None:
        raise CheckSkipped(
            "there is no reference with labels and predictions: give one, or a minimum (errors: a maximum)"
        )
    assert monitor.metric is not None
    if monitor.metric is Metric.CALIBRATION_ERROR:
        return baseline + monitor.margin
    return baseline * (1 + monitor.margin) if monitor.metric.is_error else baseline - monitor.margin
