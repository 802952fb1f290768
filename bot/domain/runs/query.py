"""A Prometheus query as evidence: what its value has to be for a run to count as verified."""

import math
from collections.abc import Sequence
from typing import Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.domain.runs.burn_rate import WINDOW, BurnRate, PlannedBurnRate
from bot.domain.runs.verification import Look

_LONGEST = 120


class Query(BaseModel):
    """Every series of its answer has to meet what is given; an empty answer shows nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prometheus: str = Field(min_length=1)
    """Which server of `prometheus` is asked."""
    expr: str = Field(min_length=1, max_length=2000)
    """The expression, in PromQL; placeholders are filled in."""
    below: float | None = None
    """The value has to be less than this."""
    above: float | None = None
    """The value has to be more than this."""
    below_before: float | None = Field(default=None, gt=0)
    """The value has to be less than so many times what it was before the incident (the median of an hour)."""
    above_before: float | None = Field(default=None, gt=0)
    """The value has to be more than so many times what it was before the incident."""
    burn_rate: BurnRate | None = Field(default=None, exclude_if=lambda rate: rate is None)
    """How fast the budget of an objective may be spent; `expr` is then the share of errors over `$window`."""

    @model_validator(mode="after")
    def _compares_with_something(self) -> Self:
        limits = any(one is not None for one in (self.below, self.above, self.below_before, self.above_before))
        if not limits and self.burn_rate is None:
            raise ValueError("say what the value has to be: below, above, below_before, above_before or burn_rate")
        if limits and self.burn_rate is not None:
            raise ValueError("burn_rate says what the value has to be: leave out the others")
        if (WINDOW in self.expr) is not (self.burn_rate is not None):
            raise ValueError(f"{WINDOW} stands for the windows of a burn_rate, as in rate(errors_total[{WINDOW}])")
        return self


class PlannedQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """A query as it will be asked: every placeholder filled in."""

    prometheus: str
    expr: str
    below: float | None = None
    above: float | None = None
    below_before: float | None = None
    above_before: float | None = None
    burn_rate: PlannedBurnRate | None = None

    @property
    def needs_before(self) -> bool:
        return self.below_before is not None or self.above_before is not None

    @property
    def name(self) -> str:
        """The expression in one line, cut to size."""
        line = " ".join(self.expr.split())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"

    @property
    def wanted(self) -> str:
        """``below 0.5``"""
        if self.burn_rate is not None:
            return self.burn_rate.wanted
        said = [("below", self.below, ""), ("above", self.above, "")]
        said += [("below", self.below_before, " times what it was"), ("above", self.above_before, " times what it was")]
        return " and ".join(f"{word} {limit:g}{unit}" for word, limit, unit in said if limit is not None)


def judge(query: PlannedQuery, values: Sequence[float], before: float | None) -> Look:
    """What the values of an answer show; ``before`` is what it was before the incident, None where nobody knows.

    >>> judge(PlannedQuery("main", "errors", below=0.5), [0.7], None).unmet
    ['errors is 0.7, not below 0.5']
    """
    if not values or any(map(math.isnan, values)):
        return Look(unproven=[f"{query.name} has no value"])
    if query.needs_before and (before is None or math.isnan(before)):
        return Look(unproven=[f"what {query.name} was before the incident is not known"])
    lowest, highest, was = min(values), max(values), before or 0.0
    most = [limit for limit in (query.below, _times(query.below_before, was)) if limit is not None]
    least = [limit for limit in (query.above, _times(query.above_before, was)) if limit is not None]
    was_said = f" ({was:g} before)" if query.needs_before else ""
    if any(highest >= limit for limit in most):
        return Look(unmet=[f"{query.name} is {highest:g}, not {query.wanted}{was_said}"])
    if any(lowest <= limit for limit in least):
        return Look(unmet=[f"{query.name} is {lowest:g}, not {query.wanted}{was_said}"])
    return Look()


def judge_burn_rate(query: PlannedQuery, rate: PlannedBurnRate, long: Sequence[float], short: Sequence[float]) -> Look:
    """What the shares of errors over both windows show.

    It is met once the short window is below. While both are above, a page would be due: that is what has to end. The
    short one alone may be chance, or the beginning of something: it proves neither.
    """
    windows = ((rate.long_words, long), (rate.short_words, short))
    for over, values in windows:
        if not values or any(map(math.isnan, values)):
            return Look(unproven=[f"{query.name} has no value over {over}"])
    slow, fast = (rate.of_errors(max(values)) for values in (long, short))
    if fast < rate.below:
        return Look()
    said = f"{query.name} burns {fast:.3g} times the budget over {rate.short_words}, {slow:.3g} over {rate.long_words}"
    if slow >= rate.below:
        return Look(unmet=[f"{said}, not less than {rate.below:g}"])
    return Look(unproven=[f"{said}: that is not less than {rate.below:g}, nor a page yet"])


def _times(factor: float | None, value: float) -> float | None:
    return None if factor is None else factor * value
