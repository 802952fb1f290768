"""Monitor kind: whether groups of people fare alike."""

from collections.abc import Sequence

from pydantic import Field

from bot.domain.watched.fair import FairnessMetric
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


class FairnessRules(MonitorRules):
    """A rate must not differ by more than ``at_most`` between any two groups of ``column``."""

    metric: FairnessMetric
    """`demographic_parity` (positive predictions; needs no labels), `equal_opportunity` (true positive rate),
    `predictive_equality` (false positive rate) or `equal_accuracy`."""
    column: str = Field(min_length=1)
    """The column of the groups: each category is one, or each quarter of numbers."""
    at_most: float = Field(gt=0, lt=1)
    """By how much, in points, one group's rate may be above another's: 0.1 is ten in a hundred."""

    @property
    def known_as(self) -> str:
        return self.name or f"fairness-{self.metric}-{self.column}"[:100]

    @property
    def of_labels(self) -> bool | None:
        return self.metric.needs_labels

    @property
    def features_of_labels(self) -> Sequence[str] | None:
        return [self.column]


@monitor("fairness", alertname="FairnessGap", rules=FairnessRules, needs_reference=False)
def check(rules: FairnessRules, given: CheckInput) -> Outcome:
    from bot.watches.models.measuring.fairness import check_fairness

    return check_fairness(rules, given)
