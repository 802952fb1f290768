"""Which limit a watched series is not to cross, and how far ahead that is looked for."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from bot.domain.duration import Duration, format_duration

_SHORTEST, _LONGEST = timedelta(minutes=10), timedelta(days=7)
_NAME = "__name__"
_OWN = frozenset({_NAME})


class Side(StrEnum):
    """On which side of the limit a series is not to be."""

    ABOVE = "above"
    BELOW = "below"


class LimitSeries(BaseModel):
    """The limit is the last value of another series, such as a capacity, which comes by the same way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = Field(min_length=1, max_length=500)
    """The name of the series that is the limit; it need not be watched."""
    on: list[str] = []
    """The labels that both have in common; by default all of their labels but the name."""

    def key(self, labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """What a series and its limit have in common."""
        names = self.on or sorted(labels.keys() - _OWN)
        return tuple((name, labels.get(name, "")) for name in names)


def _read_limit(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | float | dict | LimitSeries):
        raise ValueError("a limit is a number, or `{metric: NAME}` for the value of another series")
    return given


Limit = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | LimitSeries,
    BeforeValidator(_read_limit),
]


class Forecasting(BaseModel):
    """An alert before a series crosses its limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Limit
    """The limit: a number in the unit of the series (of a counter, a second), or `{metric: NAME, on: [labels]}`."""
    side: Side = Side.ABOVE
    """On which side of it the series is not to be: `above` or `below`."""
    ahead: Duration = timedelta(hours=2)
    """How far ahead is looked, 10m to 7d. It is learnt for two and a half times as long before the first alert."""
    sure: float = Field(default=0.8, ge=0.5, le=0.99)
    """How probable it must be that the limit is crossed within `ahead`, twice in a row."""

    @field_validator("ahead")
    @classmethod
    def _within(cls, ahead: timedelta) -> timedelta:
        if not _SHORTEST <= ahead <= _LONGEST:
            shortest, longest = format_duration(_SHORTEST), format_duration(_LONGEST)
            raise ValueError(f"{format_duration(ahead)} is no horizon of a forecast: {shortest} to {longest}")
        return ahead
