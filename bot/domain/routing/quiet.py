"""Quiet hours: what is not severe is shown then, and calls nobody; a digest says in the morning what came."""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.severity import Severity
from bot.domain.window import DAYS, Day, Zone, moment_on

GRACE = timedelta(minutes=30)
"""So long after the digest nobody is called yet: what somebody takes meanwhile needs no call."""


def _read(value: Any) -> Any:
    """YAML reads 22:00 without quotes as a number."""
    if isinstance(value, int | float):
        raise ValueError('write a time of day in quotes, as in "22:00"')
    return value


Clock = Annotated[time, BeforeValidator(_read)]


class QuietHours(BaseModel):
    """From one time of day to another, which may be on the next day."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    begins: Annotated[Clock, Field(alias="from")]
    """When they begin, as `"22:00"`."""
    ends: Annotated[Clock, Field(alias="to")]
    """When they end, and the digest comes, as `"07:00"`."""
    zone: Zone = "UTC"
    """The time zone of both."""
    days: Annotated[list[Day], Field(min_length=1)] = list(DAYS)
    """On which days of the week they begin."""
    severity_at_most: Severity = Severity.WARNING
    """The most severe incidents that they hold for: one that is or becomes more severe calls at once."""

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.begins == self.ends:
            raise ValueError("quiet hours that begin and end at the same time hold always or never: write two times")
        return self

    def until(self, severity: Severity, now: datetime) -> datetime | None:
        """When they end, if they hold now for this severity."""
        if severity.rank < self.severity_at_most.rank:
            return None
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for day in (today, today - timedelta(days=1)):
            if DAYS[day.weekday()] in self.days:
                last = day if self.begins < self.ends else day + timedelta(days=1)
                begins, ends = moment_on(day, self.begins, zone), moment_on(last, self.ends, zone)
                if begins <= now < ends:
                    return ends.astimezone(UTC)
        return None

    def in_words(self) -> str:
        days = "" if list(self.days) == list(DAYS) else f" on {', '.join(self.days)}"
        return f"{self.begins:%H:%M} to {self.ends:%H:%M} ({self.zone}){days}, {self.severity_at_most} at most"


def quiet_until(hours: Collection[QuietHours], severity: Severity, now: datetime) -> datetime | None:
    """When the first of them end, if all hold now; None where there are none."""
    ends = [one.until(severity, now) for one in hours]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None
