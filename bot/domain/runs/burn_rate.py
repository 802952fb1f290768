"""How fast an objective's error budget is being spent, over a long and a short window.

The rate is the share of errors over the share that the objective allows: at 1 the budget lasts exactly its period, at
14.4 a budget of 30 days is gone in 50 hours. A page is due while it exceeds that in both windows: over the long one so
that it matters, over the short one so that it is still going on.
https://sre.google/workbook/alerting-on-slos/ (6: Multiwindow, Multi-Burn-Rate Alerts)
"""

from datetime import timedelta
from typing import Annotated, Any, Self

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.duration import Duration, format_seconds

WINDOW = "$window"
"""What stands for a window in an expression."""
_PLACES = 12
"""What a budget is rounded to, so that 1 - 0.999 is 0.001."""


def _share(given: Any) -> Any:
    """``99.9%`` is 0.999."""
    if isinstance(given, str) and given.strip().endswith("%"):
        return round(float(given.strip().removesuffix("%")) / 100, _PLACES)
    return given


class BurnRate(BaseModel):
    """The expression is the share of errors over ``$window``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: Annotated[float, BeforeValidator(_share)] = Field(gt=0, lt=1)
    """The share that has to be good, as `0.999` or `99.9%`."""
    below: float = Field(default=14.4, gt=0)
    """The burn rate that is too fast."""
    long: Duration = timedelta(hours=1)
    """The window over which it has to matter."""
    short: Duration = timedelta(minutes=5)
    """The window over which it has to go on."""

    @model_validator(mode="after")
    def _can_be_exceeded(self) -> Self:
        if not timedelta(0) < self.short < self.long:
            raise ValueError("the short window is shorter than the long one")
        if self.below * (1 - self.objective) >= 1:
            most = 1 / (1 - self.objective)
            raise ValueError(f"not even nothing but errors burns so fast: with this objective the most is {most:.3g}")
        return self


class PlannedBurnRate(msgspec.Struct, frozen=True):
    """The windows in seconds."""

    objective: float
    below: float
    long: float
    short: float

    @classmethod
    def of(cls, rate: BurnRate) -> "PlannedBurnRate":
        return cls(rate.objective, rate.below, rate.long.total_seconds(), rate.short.total_seconds())

    def expressions(self, expr: str) -> tuple[str, str]:
        """The share of errors over the long window, and over the short one."""
        long, short = (expr.replace(WINDOW, f"{int(seconds)}s") for seconds in (self.long, self.short))
        return long, short

    def of_errors(self, share: float) -> float:
        """The burn rate of a share of errors.

        >>> round(PlannedBurnRate(0.999, 14.4, 3600, 300).of_errors(0.0144), 3)
        14.4
        """
        return share / round(1 - self.objective, _PLACES)

    @property
    def wanted(self) -> str:
        """``burning less than 14.4 times the budget of 99.9 % over 5m``"""
        return (
            f"burning less than {self.below:g} times the budget of {self.objective * 100:g} % over {self.short_words}"
        )

    @property
    def long_words(self) -> str:
        return format_seconds(self.long)

    @property
    def short_words(self) -> str:
        return format_seconds(self.short)
