"""``guards`` of tandem.yaml: freeze windows, and how many runs may work on one service at a time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.domain.access.person import Whom
from bot.domain.duration import format_duration
from bot.domain.guards.hold import Guard, Hold
from bot.domain.matcher import matches_all, parse_matcher
from bot.domain.window import DAYS, TimeWindow

Facts = Mapping[str, str]
"""What one alert, or one target, is matched by: its labels, and service, severity, source, cause, domain and team."""


def _check_matchers(matchers: list[str]) -> list[str]:
    for matcher in matchers:
        parse_matcher(matcher)
    return matchers


class FreezeWindow(TimeWindow):
    """While it is open, nothing that it matches is run. Of several windows, each that is open forbids."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """How people know it; each has a name of its own."""
    match: Annotated[list[str], AfterValidator(_check_matchers)] = Field(default=[], max_length=20)
    """What it holds for, in Alertmanager's notation: all must match a firing alert, or a service that the run acts on;
    default: everything."""
    break_glass: list[Whom] = Field(default=[], max_length=100)
    """The users (`U…`), groups (`S…`) and `{schedule: NAME}` who may run something all the same; default: nobody."""
    running: Literal["continue", "stop"] = "continue"
    """What becomes of a run that is under way when it opens: `stop` ends it after the step that is being performed."""

    def hold_at(self, now: datetime, facts: Iterable[Facts]) -> Hold | None:
        """What it forbids at a moment; None where it is closed, or matches none of these."""
        span = self.open_at(now)
        if span is None:
            return None
        matchers = [parse_matcher(matcher) for matcher in self.match]
        if matchers and not any(matches_all(matchers, one) for one in facts):
            return None
        return Hold(Guard.FREEZE, f"the freeze window “{self.name}”", span.ends, list(self.break_glass), self.name)

    def in_words(self) -> str:
        """When it is open, and for what: ``nights (daily at 22:00 for 9h, Europe/Berlin)``."""
        matching = f"; where {' and '.join(self.match)}" if self.match else ""
        return f"{self.name} ({self._times()}{matching})"

    def _times(self) -> str:
        if self.begins is not None and self.ends is not None:
            return f"{self.begins:%Y-%m-%d %H:%M%z} to {self.ends:%Y-%m-%d %H:%M%z}"
        assert self.at is not None and self.lasts is not None
        days = "daily" if list(self.days) == list(DAYS) else ", ".join(self.days)
        if self.dates:
            days = ", ".join(map(str, self.dates))
        elif self.month_days:
            days = f"{days}, on days {', '.join(map(str, self.month_days))} of the month"
        return f"{days} at {self.at:%H:%M} for {format_duration(self.lasts)}, {self.zone}"


class GuardRules(BaseModel):
    """What forbids or delays runs of all runbooks; the limits of one stand in the runbook."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    freeze: Annotated[list[FreezeWindow], Field(max_length=200)] = []
    """Windows of time in which nothing is run; with a window's keys, as under `maintenance`."""
    per_target: Annotated[int, Field(ge=1, le=20)] = 1
    """How many runs may work on one service at a time; more wait."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [window.name for window in self.freeze]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"two freeze windows are named {twice!r}: give each a name of its own")
        return self

    @property
    def glass_breakers(self) -> set[str]:
        """All users and groups who may break the glass of any window."""
        return {name for window in self.freeze for name in window.break_glass}
