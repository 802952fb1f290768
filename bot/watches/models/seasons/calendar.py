"""The local weekday and hour of rows, and which rows of a reference a row of some hour is compared with. Pure.

A season with too few rows in the reference is compared with a wider one: an hour of a weekday with that hour of all
working days (or of weekends), these with all working days (weekends), and at last with all rows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from detectors.drift.packing import Array

LEAST_ROWS = 30
"""Reference rows that a season needs to be one by itself."""
_STEP = 900
"""Seconds in which the local hour of no zone changes."""
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAYS, _HOURS = 7, 24
_SATURDAY = 5


class Season(NamedTuple):
    """A weekday from Monday as 0, an hour, or both; None for any. ``weekend`` says whether of weekends or of working
    days."""

    weekday: int | None = None
    hour: int | None = None
    weekend: bool | None = None

    @property
    def key(self) -> str:
        """The name by which its state is kept."""
        days = "" if self.weekend is None else ("weekend" if self.weekend else "working")
        days = days if self.weekday is None else str(self.weekday)
        return f"{days}/{'' if self.hour is None else self.hour}"

    @property
    def in_words(self) -> str:
        time = "" if self.hour is None else f"{self.hour:02d}:00"
        if self.weekday is not None:
            return f"{_NAMES[self.weekday]} {time}" if time else f"{_NAMES[self.weekday]}s"
        if self.weekend is None:
            return time or "all rows"
        days = "weekends" if self.weekend else "working days"
        return f"{time} of {days}" if time else days

    def wider(self) -> "Season":
        """The next one that it is part of."""
        if self.weekday is not None:
            return Season(None, self.hour, self.weekday >= _SATURDAY)
        if self.weekend is not None and self.hour is not None:
            return Season(None, None, self.weekend)
        return ALL

    def holds(self, codes: Array) -> Array:
        """Which rows are of it: booleans, of shape (rows,). ``codes`` are as :func:`codes_of` gives them."""
        weekday, hour = codes // _HOURS, codes % _HOURS
        mask = np.ones(len(codes), dtype=bool)
        if self != ALL:
            mask &= codes >= 0
        if self.weekday is not None:
            mask &= weekday == self.weekday
        if self.weekend is not None:
            mask &= (weekday >= _SATURDAY) == self.weekend
        return mask if self.hour is None else mask & (hour == self.hour)


ALL = Season()


def codes_of(moments: Array, zone: str) -> Array:
    """The local hour of the week of each moment, in seconds since 1970: 0 is Monday at midnight, -1 is unknown."""
    known = np.isfinite(moments)
    codes = np.full(len(moments), -1, dtype=np.int64)
    steps, at = np.unique(np.floor(moments[known] / _STEP).astype(np.int64), return_inverse=True)
    local = [datetime.fromtimestamp(step * _STEP, UTC).astimezone(ZoneInfo(zone)) for step in steps.tolist()]
    hours = np.array([one.weekday() * _HOURS + one.hour for one in local], dtype=np.int64)
    codes[known] = hours[at] if len(hours) else codes[known]
    return codes


class Seasons(NamedTuple):
    """A reference by season: how many rows each hour of the week is compared with, by what."""

    by: Sequence[str]
    codes: Array
    """The hour of the week of each row of the reference."""
    used: Sequence[Season]
    """For each hour of the week the season that its rows are compared with."""

    @classmethod
    def of(cls, codes: Array, by: Sequence[str]) -> "Seasons":
        counted = dict[Season, int]()
        return cls(by, codes, [_enough(codes, narrow, counted) for narrow in _each_hour(by)])

    @property
    def apart(self) -> int:
        """How many seasons are compared apart."""
        return len(set(self.used))

    def narrow(self, code: int) -> Season:
        """The season of an hour of the week, however many rows the reference has of it."""
        return _narrow(code, self.by)

    def split(self, codes: Array) -> dict[Season, Array]:
        """Rows of a window by the season that they are compared with: booleans each, of shape (rows,)."""
        found = dict[Season, Array]()
        for code in np.unique(codes).tolist():
            season = self.used[code] if code >= 0 else ALL
            found[season] = found.get(season, np.zeros(len(codes), dtype=bool)) | (codes == code)
        return found

    def replaced(self, season: Season, codes: Array) -> list[Season]:
        """The seasons among these rows for which a wider one stands in."""
        narrow = [self.narrow(code) for code in np.unique(codes[codes >= 0]).tolist()]
        return [one for one in dict.fromkeys(narrow) if one != season]

    def rows(self, season: Season) -> int:
        """How many rows the reference has of it."""
        return int(np.count_nonzero(season.holds(self.codes)))


def _each_hour(by: Sequence[str]) -> list[Season]:
    return [_narrow(code, by) for code in range(_WEEKDAYS * _HOURS)]


def _narrow(code: int, by: Sequence[str]) -> Season:
    return Season(code // _HOURS if "weekday" in by else None, code % _HOURS if "hour" in by else None)


def _enough(codes: Array, season: Season, counted: dict[Season, int]) -> Season:
    """The season, or the first wider one that has enough rows."""
    while season != ALL:
        if season not in counted:
            counted[season] = int(np.count_nonzero(season.holds(codes)))
        if counted[season] >= LEAST_ROWS:
            break
        season = season.wider()
    return season
