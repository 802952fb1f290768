"""Monitor kind: whether labels come, for enough of the predictions and soon enough."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from bot.domain.duration import Duration, format_duration
from bot.domain.watched.labelling import labelling
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, monitor


class LabelRules(MonitorRules):
    """Of the predictions that are kept so many have labels, and labels take so long at most, the median."""

    coverage_at_least: float | None = Field(default=None, gt=0, le=1)
    """The share of the predictions for which labels have to have come."""
    delay_at_most: Duration | None = None
    """How long labels may take after their predictions, the median."""

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if self.coverage_at_least is None and self.delay_at_most is None:
            raise ValueError("say coverage_at_least, delay_at_most, or both")
        if self.delay_at_most is not None and self.delay_at_most <= timedelta(0):
            raise ValueError("delay_at_most is longer than nothing")
        if self.by is not None:
            raise ValueError("labels are counted for the whole model: leave out by")
        return self

    @property
    def compares(self) -> bool:
        return False


@monitor("labels", alertname="LabelsMissing", rules=LabelRules, of_labels=True, needs_reference=False)
def check(rules: LabelRules, given: CheckInput) -> Outcome:
    window = given.window
    if window.coverage is None:
        raise CheckSkipped("there are no predictions")
    found = []
    if rules.coverage_at_least is not None and window.coverage < rules.coverage_at_least:
        found.append(f"it should be {rules.coverage_at_least:.0%} at least".replace("%", " %"))
    if rules.delay_at_most is not None and window.delay is not None and window.delay > rules.delay_at_most:
        found.append(f"labels should take {format_duration(rules.delay_at_most)} at most")
    summary = labelling(window.coverage, window.delay)
    summary = f"{summary}; {' and '.join(found)}" if found else summary
    return Outcome(b"", bool(found), summary, [window.missed] if window.missed else [])
