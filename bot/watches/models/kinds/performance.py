"""Monitor kinds: how well a model does, measured where labels have come and estimated where not."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import AVERAGED, ESTIMABLE, Average, Metric
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor

MOST_EXPLAINED = 64
_LARGEST = {"brier": 2.0, "calibration_error": 1.0}
"""Beyond which a metric cannot be."""


class PerformanceRules(MonitorRules):
    """A metric is too bad below ``minimum`` (errors: above ``maximum``), or where it is ``worse_by`` so much than on
    the reference: by so many points for shares (0.05 is five in a hundred), by such a part for errors (0.1 is a tenth).
    """

    metric: Metric | None = None
    """What performance is measured in."""
    worse_by: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """How much worse than on the reference is too bad; default: 0.05, for errors 0.1 of the whole."""
    minimum: float | None = Field(default=None, allow_inf_nan=False)
    """What the metric must not fall below."""
    maximum: float | None = Field(default=None, allow_inf_nan=False)
    """What an error must not rise above."""
    group: str | None = Field(default=None, min_length=1)
    """The column of the query, for ndcg and mrr."""
    slices: Literal["auto"] | list[str] | None = None
    """Features whose values are judged by themselves; `auto` finds them."""
    average: Average | None = None
    """Over the classes of the model, for this monitor; default: the model's."""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """The level that pinball is of, such as 0.9."""
    explain: Literal["auto"] | list[str] = "auto"
    """Features with whose shift a loss may go; `auto`: 64 of them at most, of 200,000 labels at once at most."""

    @property
    def known_as(self) -> str:
        """Its name, or its kind with its metric."""
        return self.name or f"{self.kind}-{self.metric}"

    @property
    def has_seasons(self) -> bool:
        """A limit that is given is that of all hours."""
        given = self.minimum is not None or self.maximum is not None
        return super().has_seasons and not (given and self.kind == FindingKind.PERFORMANCE)

    @property
    def features_of_labels(self) -> Sequence[str] | None:
        """The column of the query and those of slices; all where slices are looked for."""
        if self.slices == "auto":
            return None
        named = self.explain if isinstance(self.explain, list) else []
        return [*(self.slices or []), *([self.group] if self.group else []), *named]

    @property
    def features_beside(self) -> int:
        """How many more features are read where that costs little: for saying what a loss goes with."""
        return MOST_EXPLAINED if self.explain == "auto" and self.kind == FindingKind.PERFORMANCE else 0

    @property
    def margin(self) -> float:
        """``worse_by``, or its default."""
        if self.worse_by is not None:
            return self.worse_by
        return 0.1 if self._in_parts else 0.05

    @model_validator(mode="after")
    def _fits_its_metric(self) -> Self:
        if self.metric is None:
            raise ValueError(f"say which metric: {', '.join(Metric)}")
        if self.kind == FindingKind.ESTIMATED_PERFORMANCE and self.metric not in ESTIMABLE:
            raise ValueError(f"{self.metric} cannot be estimated without labels; {', '.join(ESTIMABLE)} can")
        if self.metric.ranks != (self.group is not None):
            raise ValueError("group names the column of the query, for ndcg and mrr and for these alone")
        if self.slices == "auto" and not self.metric.by_row:
            raise ValueError(f"slices are not found by themselves for {self.metric}: name the features")
        if (self.metric is Metric.PINBALL) != (self.quantile is not None):
            raise ValueError("quantile is the level that pinball is of, for it and for it alone")
        return self

    @model_validator(mode="after")
    def _average_fits(self) -> Self:
        if self.average is None or self.metric is None:
            return self
        if self.metric not in AVERAGED:
            raise ValueError(f"{self.metric} has no average over classes; {', '.join(AVERAGED)} have")
        if self.kind == FindingKind.ESTIMATED_PERFORMANCE:
            raise ValueError("what is estimated is of one positive class: leave out average")
        if self.average is Average.MICRO and self.metric.of_chances:
            raise ValueError(f"{self.metric} has no micro average: take macro, weighted or per_class")
        if self.average is Average.PER_CLASS and self.slices is not None:
            raise ValueError("slices are judged of all classes together: leave out slices, or take another average")
        return self

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.metric is not None and self.metric.is_error and self.minimum is not None:
            raise ValueError(f"{self.metric} is an error, of which less is better: give a maximum")
        if self.metric is not None and not self.metric.is_error and self.maximum is not None:
            raise ValueError(f"of {self.metric} more is better: give a minimum")
        if self.minimum is not None and not (self.minimum < 1 and (self.minimum > 0 or self.metric is Metric.R2)):
            raise ValueError("a minimum is a share between 0 and 1; of r2 it is below 1")
        if self.maximum is not None and not 0 < self.maximum < _LARGEST.get(str(self.metric), float("inf")):
            most = _LARGEST.get(str(self.metric))
            raise ValueError(
                "a maximum is more than 0" + (f", and of {self.metric} less than {most:g}" if most else "")
            )
        if self.worse_by is not None and not self._in_parts and not self.worse_by < 1:
            raise ValueError(f"{self.metric} can never be worse by {self.worse_by:g}: worse_by is in points, below 1")
        return self

    @property
    def _in_parts(self) -> bool:
        """Whether ``worse_by`` is a part of the metric; else it is points."""
        return self.metric is not None and self.metric.is_error and self.metric is not Metric.CALIBRATION_ERROR


@monitor(
    FindingKind.PERFORMANCE,
    alertname=FindingKind.PERFORMANCE.alertname,
    rules=PerformanceRules,
    of_labels=True,
    needs_reference=False,
    family="performance",
)
@monitor(
    FindingKind.ESTIMATED_PERFORMANCE,
    alertname=FindingKind.ESTIMATED_PERFORMANCE.alertname,
    rules=PerformanceRules,
    needs_reference=False,
    family="performance",
)
def check(rules: PerformanceRules, given: CheckInput) -> Outcome:
    from bot.watches.models.performance import check_performance

    return check_performance(rules, given.model, given.state, given.window, given.reference)
