"""Monitor kinds: whether columns, or all of them together, are distributed as in the reference."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.domain.watched.finding import FindingKind
from bot.watches.models.kinds.online import OnlineMonitorRules, check_online
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


class LeastEffect(BaseModel):
    """What moved by less does no harm. What is not given does not matter; of what is, a column has to have all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    psi: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """The population stability index of a column; 0 for any."""
    wasserstein: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """The Wasserstein distance of a column of numbers, in standard deviations of the reference."""
    columns: float = Field(default=0.0, ge=0, le=1)
    """The share of the columns that have to have moved."""


class DriftRules(OnlineMonitorRules):
    """``least_effect`` is the drift that counts; by default a population stability index of 0.02."""

    least_effect: LeastEffect | None = None
    """The least drift that is an alert: `psi` (0.02 unless given), `wasserstein`, `columns`."""

    @model_validator(mode="after")
    def _online_of_columns(self) -> Self:
        check_online(self, together=False)
        if self.online is not None and self.least_effect is not None:
            raise ValueError("least_effect is not for online detectors: leave it out, or online")
        return self

    @property
    def features_of_labels(self) -> Sequence[str] | None:
        """None of them: a drift of the concept is in what was predicted and true."""
        return []

    @property
    def needs_rows(self) -> str:
        """The bets on a distance are on each row."""
        return "least_effect: wasserstein bets on the distance of each row" if self.effect.wasserstein else ""

    @property
    def effect(self) -> LeastEffect:
        """What is given, or the default."""
        return self.least_effect or LeastEffect(psi=0.02)


def check_counted_columns(rules: DriftRules, given: CheckInput) -> Outcome:
    """The same of statistics that a database made."""
    from bot.watches.models.statistics.judging import check_drift

    return check_drift(rules, given)


@monitor(
    FindingKind.DRIFT,
    alertname=FindingKind.DRIFT.alertname,
    rules=DriftRules,
    by_alibi=True,
    family="drift",
    check_counted=check_counted_columns,
)
@monitor(
    FindingKind.PREDICTION_DRIFT,
    alertname=FindingKind.PREDICTION_DRIFT.alertname,
    rules=DriftRules,
    by_alibi=True,
    family="drift",
    check_counted=check_counted_columns,
)
@monitor(
    FindingKind.CONCEPT_DRIFT,
    alertname=FindingKind.CONCEPT_DRIFT.alertname,
    rules=DriftRules,
    of_labels=True,
    family="drift",
)
def check_columns(rules: DriftRules, given: CheckInput) -> Outcome:
    from bot.watches.models.data_checks import check_drift

    return check_drift(rules, given.model, given.state, given.window, given.loaded())


class MultivariateRules(OnlineMonitorRules):
    """All columns together."""

    @model_validator(mode="after")
    def _online_of_all(self) -> Self:
        check_online(self, together=True)
        return self


@monitor(FindingKind.MULTIVARIATE, alertname=FindingKind.MULTIVARIATE.alertname, rules=MultivariateRules, by_alibi=True)
def check_together(rules: MultivariateRules, given: CheckInput) -> Outcome:
    from bot.watches.models import data_checks

    return data_checks.check_together(rules, given.model, given.state, given.window, given.loaded())
