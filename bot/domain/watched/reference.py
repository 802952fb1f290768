"""Which of a model's references its rows are compared with: of their version, of their season, or a rolling one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.duration import Duration
from bot.domain.window import Zone

_SHORTEST = timedelta(hours=1)
_MOST_GAPS = 10
_PARTS = 4

Key = Literal["version", "weekday", "hour"]


def _several(raw: Any) -> Any:
    """One key alone, or a list."""
    return [raw] if isinstance(raw, str) else raw


class ReferenceRules(BaseModel):
    """Which of a model's references its rows are compared with, and with which of their rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Annotated[list[Key], BeforeValidator(_several), Field(max_length=3)] = []
    """`version`: the newest reference of the model version that a row names, else the usual one; `weekday` and `hour`:
    those of its rows that are of the same weekday or hour."""
    zone: Zone = "UTC"
    """The time zone of `weekday` and `hour`."""
    rolling: Duration | None = None
    """The reference is made of so long a span of production, again and again."""
    gap: Duration | None = None
    """So long before the present the span ends; default: a quarter of `rolling`."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.by and self.rolling is None:
            raise ValueError("say by, as in {by: [weekday, hour]}, or rolling, as in {rolling: 28d}")
        if len(set(self.by)) < len(self.by):
            raise ValueError("by names a key twice")
        if "zone" in self.model_fields_set and not self.seasons:
            raise ValueError("zone is of weekday and hour, and by names neither")
        return self

    @model_validator(mode="after")
    def _rolls(self) -> Self:
        if self.rolling is None:
            if self.gap is not None:
                raise ValueError("gap is for rolling, and there is none")
            return self
        if self.rolling < _SHORTEST:
            raise ValueError("rolling is an hour at least")
        if self.gap is not None and not timedelta(0) <= self.gap <= _MOST_GAPS * self.rolling:
            raise ValueError(f"gap is {_MOST_GAPS} times rolling at most")
        return self

    @property
    def of_versions(self) -> bool:
        return "version" in self.by

    @property
    def seasons(self) -> Sequence[str]:
        """The parts of a moment that tell seasons apart."""
        return [key for key in ("weekday", "hour") if key in self.by]

    @property
    def behind(self) -> timedelta:
        """How long before the present a rolling reference ends."""
        part = (self.rolling or timedelta(0)) / _PARTS
        return part if self.gap is None else self.gap

    @property
    def every(self) -> timedelta:
        """How often a rolling reference is made."""
        return (self.rolling or timedelta(0)) / _PARTS
