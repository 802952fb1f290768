"""Monitor kinds: how well a model does, measured where labels have come and estimated where not."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import ESTIMABLE, Metric
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


class PerformanceRules(MonitorRules):
    """A metric is too bad below ``minimum`` (errors: above ``maximum``), or where it is ``worse_by`` so much than on
    the reference: by so many points for shares (0.05 is five in a hundred), by such a part for errors (0.1 is a tenth).
    """

    metric: Metric | None = None
    """What performance is measured in."""
    worse_by: float | None = Field(default=None, ge=0)
    """How much worse than on the reference is too bad; default: 0.05, for errors 0.1 of the whole."""
    minimum: float | None = None
    """What the metric must not fall below."""
    maximum: float | None = None
    """What an error must not rise above."""
    group: str | None = Field(default=None, min_length=1)
    """The column of the query, for ndcg and mrr."""
    slices: Literal["auto"] | list[str] | None = None
    """Features whose values are judged by themselves; `auto` finds them."""

    @property
    def known_as(self) -> str:
        """Its name, or its kind with its metric."""
        return self.name or f"{self.kind}-{self.metric}"

    @property
    def margin(self) -> float:
        """``worse_by``, or its default."""
        if self.worse_by is not None:
            return self.worse_by
        return 0.1 if self.metric is not None and self.metric.is_error else 0.05

    @model_validator(mode="after")
    def _fits_its_metric(self) -> Self:
        if self.metric is None:
            raise ValueError(f"say which metric: {', '.join(Metric)}")
        if self.kind == FindingKind.ESTIMATED_PERFORMANCE and self.metric not in ESTIMABLE:
            raise ValueError(f"{self.metric} cannot be estimated without labels; {', '.join(ESTIMABLE)} can")
        if self.metric.ranks != (self.group is not None):
            raise ValueError("group names the column of the query, for ndcg and mrr and for these alone")
        if self.slices == "auto" and (self.metric.ranks or self.metric is Metric.ROC_AUC):
            raise ValueError(f"slices are not found by themselves for {self.metric}: name the features")
        return self

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.metric is not None and self.metric.is_error and self.minimum is not None:
            raise ValueError(f"{self.metric} is an error, of which less is better: give a maximum")
        if self.metric is not None and not self.metric.is_error and self.maximum is not None:
            raise ValueError(f"of {self.metric} more is better: give a minimum")
        if self.minimum is not None and not 0 < self.minimum < 1:
            raise ValueError("a minimum is a share between 0 and 1")
        if self.maximum is not None and self.maximum <= 0:
            raise ValueError("a maximum is more than 0")
        return self


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
