"""Maintenance windows: silences that come by themselves, again and again."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.domain.duration import Duration
from bot.domain.matcher import Matcher, parse_matcher
from bot.domain.silence import Silence

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST = timedelta(days=7)


def _check_matchers(matchers: list[str]) -> list[str]:
    for matcher in matchers:
        parse_matcher(matcher)
    return matchers


def _check_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone: write one as in Europe/Berlin") from error
    return zone


def _check_length(span: timedelta) -> timedelta:
    if not timedelta(0) < span <= _LONGEST:
        raise ValueError("a window lasts more than nothing and at most 7d")
    return span


class MaintenanceWindow(BaseModel):
    """Alerts that all ``matchers`` match call nobody from ``at``, in the time zone, for as long as it ``lasts``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    matchers: Annotated[list[str], Field(min_length=1), AfterValidator(_check_matchers)]
    at: time
    lasts: Annotated[Duration, AfterValidator(_check_length)]
    days: Annotated[list[Day], Field(min_length=1)] = list(DAYS)
    zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"

    def silence_at(self, name: str, now: datetime) -> Silence | None:
        """The window that is open at a moment, as a silence; each has a name of its own."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for back in range(_LONGEST.days + 1):
            began = self._opening(today - timedelta(days=back), zone)
            if began is not None and began <= now < began + self.lasts:
                return Silence(
                    id=f"{name}-{began:%Y%m%d}",
                    matchers=self._parsed(),
                    starts_at=began,
                    ends_at=began + self.lasts,
                    created_by="tandem",
                    comment=f"maintenance window {name}",
                )
        return None

    def _opening(self, day: date, zone: ZoneInfo) -> datetime | None:
        return datetime.combine(day, self.at, zone) if DAYS[day.weekday()] in self.days else None

    def _parsed(self) -> list[Matcher]:
        return [parse_matcher(matcher) for matcher in self.matchers]
