"""A parameter of a runbook: what may be changed about a plan before it is approved, within bounds."""

from contextlib import suppress
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Value = int | float | str


class Parameter(BaseModel):
    """Steps take it as ``${parameters.NAME}``. A number has ``min`` and ``max``, a choice its ``choices``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["integer", "number", "choice"]
    """What it is: `integer`, `number` or `choice`."""
    default: Value
    """The value that is offered."""
    min: float | None = None
    """The least that may be entered."""
    max: float | None = None
    """The most that may be entered."""
    choices: list[str] = Field(default=[], max_length=100)
    """What may be chosen."""

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        if self.type == "choice":
            if not self.choices or self.min is not None or self.max is not None:
                raise ValueError("a choice has choices, and no min and max")
        elif self.choices or self.min is None or self.max is None or self.min > self.max:
            raise ValueError("a number has min and max, and no choices")
        if why := self.why_not(self.default):
            raise ValueError(f"default: {why}")
        return self

    def why_not(self, value: Value) -> str:
        """Why a value is outside of the bounds; empty where it is not."""
        if self.type == "choice":
            return "" if value in self.choices else f"{value!r} is none of {', '.join(self.choices)}"
        whole = isinstance(value, int) and not isinstance(value, bool)
        if self.type == "integer" and not whole:
            return f"{value!r} is no whole number"
        if isinstance(value, bool | str):
            return f"{value!r} is no number"
        assert self.min is not None and self.max is not None
        return "" if self.min <= value <= self.max else f"{value} is not from {self.min:g} to {self.max:g}"

    def read(self, text: str) -> Value:
        """The value that somebody typed. Raises ValueError with why it cannot be taken."""
        value: Value = text.strip()
        with suppress(ValueError):
            value = int(text) if self.type == "integer" else float(text) if self.type == "number" else value
        if why := self.why_not(value):
            raise ValueError(why)
        return value

    @property
    def bounds(self) -> str:
        """``1 to 10``, or the choices."""
        return ", ".join(self.choices) if self.type == "choice" else f"{self.min:g} to {self.max:g}"


def in_words(parameters: dict[str, Value]) -> str:
    """``replicas 5, zone b``."""
    return ", ".join(f"{name} {value}" for name, value in parameters.items())
