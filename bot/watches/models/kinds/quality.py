"""Monitor kind: whether the rows are well formed, and whether they still come."""

from datetime import timedelta
from typing import Self

from pydantic import model_validator

from bot.domain.duration import Duration
from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


class QualityRules(MonitorRules):
    """``fresh_within``: how often predictions have to come."""

    fresh_within: Duration | None = None
    """No predictions for longer is a finding."""

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if self.fresh_within is not None and self.fresh_within <= timedelta(0):
            raise ValueError("fresh_within is longer than nothing")
        return self

    @property
    def has_seasons(self) -> bool:
        """Types, ranges and categories are those of all hours."""
        return False

    @property
    def data_every(self) -> timedelta | None:
        return self.fresh_within


def check_counted(rules: QualityRules, given: CheckInput) -> Outcome:
    """The same of statistics that a database made."""
    from bot.watches.models.statistics.judging import check_quality

    return check_quality(given)


@monitor(
    FindingKind.QUALITY,
    alertname=FindingKind.QUALITY.alertname,
    rules=QualityRules,
    needs_reference=False,
    check_counted=check_counted,
)
def check(rules: QualityRules, given: CheckInput) -> Outcome:
    from bot.watches.models.data_checks import check_quality

    return check_quality(given.model, given.window, given.reference)
