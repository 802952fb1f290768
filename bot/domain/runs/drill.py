"""Drills: a runbook goes its whole way with a made-up incident, and nothing is changed."""

from datetime import datetime, time, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, model_validator

from bot.domain.duration import Duration
from bot.domain.window import Zone

_PREFIX = "drill of "


def drill_domain(domain: str) -> str:
    """The correlation domain of a drill: alerts of others never meet it, and nothing is learnt or counted for them."""
    return f"{_PREFIX}{domain}"


def real_domain(domain: str) -> str:
    """The domain that a drill is for; any other one stays as it is."""
    return domain.removeprefix(_PREFIX)


class DrillSchedule(BaseModel):
    """A drill without people, again and again; the owner hears of it where it fails."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Duration = timedelta(days=7)
    """How often."""
    at: time | None = None
    """At which time of day, as `"10:00"`."""
    zone: Zone = "UTC"
    """The time zone of `at`."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.every < timedelta(minutes=5):
            raise ValueError("every: a drill takes place every 5m at most")
        if self.at is not None and self.every < timedelta(days=1):
            raise ValueError("at: what takes place more than once a day has no time of day")
        return self

    def due(self, last: datetime | None, now: datetime) -> bool:
        """Whether one is to take place; the first one at the next time of day, or at once."""
        if self.at is None:
            return last is None or now >= last + self.every
        zone = ZoneInfo(self.zone)
        day = (now if last is None else last + self.every).astimezone(zone).date()
        return now >= datetime.combine(day, self.at, zone)


class Check(NamedTuple):
    """One thing that a drill has looked at; ``ok`` None: it was not, or says nothing about the runbook."""

    what: str
    ok: bool | None
    said: str


class Rehearsal(NamedTuple):
    """What a drill has found."""

    runbook: str
    title: str
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok is not False for check in self.checks)

    @property
    def failures(self) -> list[str]:
        return [f"{check.what}: {check.said}" for check in self.checks if check.ok is False]
