"""Monitor kind: whether more rows than usual are unlike all rows of the reference."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


class OutlierMethod(StrEnum):
    IFOREST = "iforest"
    MAHALANOBIS = "mahalanobis"
    SPECTRAL_RESIDUAL = "spectral_residual"


class OutlierRules(MonitorRules):
    """A row is an outlier beyond what all but ``usual`` of the reference's rows are; ``at_most`` of the rows may be."""

    method: OutlierMethod = OutlierMethod.MAHALANOBIS
    """`mahalanobis` (the distance from the middle of the reference), `iforest` (an isolation forest), or, with
    `engine: alibi`, `spectral_residual` of one column in the order of time."""
    column: str | None = Field(default=None, min_length=1, max_length=200)
    """With `spectral_residual`: the column of numbers, measured at equal distances in time."""
    usual: float = Field(default=0.01, gt=0, le=0.2)
    """The share of the reference's rows that count as outliers."""
    at_most: float = Field(default=0.05, gt=0, lt=1)
    """The share of rows that may be outliers."""

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.at_most <= self.usual:
            raise ValueError("at_most is more than usual, the share of outliers in the reference itself")
        return self

    @model_validator(mode="after")
    def _is_of_a_series(self) -> Self:
        spectral = self.method is OutlierMethod.SPECTRAL_RESIDUAL
        if spectral and self.engine != "alibi":
            raise ValueError("method: spectral_residual is for engine: alibi")
        if spectral and self.column is None:
            raise ValueError("method: spectral_residual looks at one column: name it in column")
        if self.column is not None and not spectral:
            raise ValueError(f"column is for method: spectral_residual, and this one is {self.method}")
        return self


@monitor("outliers", alertname="OutlierRows", rules=OutlierRules, by_alibi=True)
def check(rules: OutlierRules, given: CheckInput) -> Outcome:
    from bot.watches.models.measuring.outliers import check_outliers

    return check_outliers(rules, given)
