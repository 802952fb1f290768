"""Windows of time: once, or again and again by the days and hours of a time zone.

What is configured is wall-clock time; what comes out is in UTC. A window lasts as long as it says, also in the nights
in which clocks change, and opens once a day: a time of day that a change of clocks skips opens it at the moment of the
change, and one that comes twice opens it the first time.
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from bot.domain.duration import Duration

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST = timedelta(days=7)
_LOOK_AHEAD_DAYS = 366


def _check_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone: write one as in Europe/Berlin") from error
    return zone


Zone = Annotated[str, AfterValidator(_check_zone)]


def _check_length(span: timedelta | None) -> timedelta | None:
    if span is not None and not timedelta(0) < span <= _LONGEST:
        raise ValueError("a window lasts more than nothing and at most 7d")
    return span


class Span(NamedTuple):
    """``[begins, ends)``, in UTC."""

    begins: datetime
    ends: datetime

    def holds(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


class TimeWindow(BaseModel):
    """Once: ``from`` and ``to``. Again and again: ``at`` and ``lasts``, on all days or only some.

    ``days`` are days of the week, ``month_days`` days of the month (-1 is the last one) and ``dates`` single days; a
    day counts where each of those that are given holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    begins: Annotated[AwareDatetime | None, Field(alias="from")] = None
    """Once: when it opens, with its offset from UTC."""
    ends: Annotated[AwareDatetime | None, Field(alias="to")] = None
    """Once: when it closes."""
    at: time | None = None
    """Again and again: when it opens, as `"02:00"`."""
    lasts: Annotated[Duration | None, AfterValidator(_check_length)] = None
    """For how long; up to 7d."""
    days: Annotated[list[Day], Field(min_length=1)] = list(DAYS)
    """On which days of the week."""
    month_days: Annotated[list[Annotated[int, Field(ge=-31, le=31)]], Field(max_length=31)] = []
    """On which days of the month; -1 is the last one."""
    dates: Annotated[list[date], Field(max_length=366)] = []
    """On which single days."""
    zone: Zone = "UTC"
    """The time zone of `at`."""

    @model_validator(mode="after")
    def _is_one_of_both_kinds(self) -> Self:
        once, again = self.begins is not None or self.ends is not None, self.at is not None or self.lasts is not None
        if once and again:
            raise ValueError("write either from and to, or at and lasts")
        if once and (self.begins is None or self.ends is None or self.ends <= self.begins):
            raise ValueError("write from and to, with their offsets from UTC, the earlier one first")
        if not once and (self.at is None or self.lasts is None):
            raise ValueError("write at and lasts, or from and to for a window that opens once")
        if 0 in self.month_days:
            raise ValueError("days of the month are counted from 1, or from -1 for the last one")
        return self

    def open_at(self, moment: datetime) -> Span | None:
        """The opening that holds a moment, or None."""
        openings = self._openings(moment, back=_LONGEST.days + 1, ahead=0)
        return next((span for span in openings if span.holds(moment)), None)

    def next_opening(self, moment: datetime) -> Span | None:
        """The first opening that begins after a moment, None where there is none within a year."""
        later = (span for span in self._openings(moment, back=0, ahead=_LOOK_AHEAD_DAYS) if span.begins > moment)
        return min(later, default=None)

    def _openings(self, moment: datetime, back: int, ahead: int) -> list[Span]:
        """Those that begin on the days around a moment, the latest first."""
        if self.begins is not None and self.ends is not None:
            return [Span(self.begins.astimezone(UTC), self.ends.astimezone(UTC))]
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        days = (today + timedelta(days=shift) for shift in range(ahead, -back - 1, -1))
        return [self._opening(day, zone) for day in days if self._counts(day)]

    def _opening(self, day: date, zone: ZoneInfo) -> Span:
        assert self.at is not None and self.lasts is not None
        begins = moment_on(day, self.at, zone)
        return Span(begins, begins + self.lasts)

    def _counts(self, day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        in_month = not self.month_days or not {day.day, day.day - length - 1}.isdisjoint(self.month_days)
        return DAYS[day.weekday()] in self.days and in_month and (not self.dates or day in self.dates)


def moment_on(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A time of day in UTC; one that does not exist on that day is the moment at which clocks are put forward.

    >>> moment_on(date(2026, 3, 29), time(2, 30), ZoneInfo("Europe/Berlin")).isoformat()
    '2026-03-29T01:00:00+00:00'
    """
    local = datetime.combine(day, at, zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    before, after = local.replace(fold=1).astimezone(UTC), moment  # a gap has two readings: PEP 495
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        earlier = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
        before, after = (middle, after) if earlier else (before, middle)
    return after.replace(microsecond=0)
