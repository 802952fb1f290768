"""The clock by which a series has its days and weeks: local time, with public holidays as the Sundays that they are."""

import re
from collections.abc import Container
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_QUARTER = 900
"""Offsets from UTC change at full quarters of an hour."""
_DAY = 86_400
_SUNDAY = 6
_KEPT = 4096
_COUNTRY = re.compile(r"([A-Z]{2})(?:-([A-Za-z0-9]{1,10}))?")


class Calendar:
    """``country`` is ISO 3166, of a country or a part of it, or empty where no holidays are kept."""

    def __init__(self, zone: str = "UTC", country: str = "") -> None:
        self._zone = ZoneInfo(zone)
        self._holidays = holidays_of(country) if country else ()
        self._shifts: dict[int, float] = {}

    def clock(self, at: float) -> float:
        """Seconds whose time of day and day of the week are the local ones; the week of a holiday is at its Sunday.

        >>> berlin, eves = Calendar("Europe/Berlin", "DE"), [datetime(2026, 5, day, 22, tzinfo=UTC) for day in (12, 13)]
        >>> [f"{datetime.fromtimestamp(berlin.clock(eve.timestamp()), UTC):%a %H:%M}" for eve in eves]
        ['Wed 00:00', 'Sun 00:00']
        """
        quarter = int(at // _QUARTER)
        shift = self._shifts.get(quarter)
        if shift is None:
            if len(self._shifts) >= _KEPT:
                self._shifts.clear()
            shift = self._shifts[quarter] = self._shift(quarter * _QUARTER)
        return at + shift

    def _shift(self, at: float) -> float:
        local = datetime.fromtimestamp(at, UTC).astimezone(self._zone)
        offset = local.utcoffset()
        days = _SUNDAY - local.weekday() if local.date() in self._holidays else 0
        return (offset.total_seconds() if offset else 0.0) + days * _DAY


@lru_cache(maxsize=256)
def holidays_of(country: str) -> Container[date]:
    """The public holidays of a country (`DE`) or a part of it (`DE-BY`). Raises ValueError where none are known."""
    found = _COUNTRY.fullmatch(country)
    if not found:
        raise ValueError(f"{country!r} is no country: write its two letters, as in DE, or a part of it, as in DE-BY")
    import holidays  # brings the calendars of 250 countries: only for those who name one

    try:
        calendar: Container[date] = holidays.country_holidays(found[1], subdiv=found[2])
    except NotImplementedError as error:
        raise ValueError(f"no public holidays are known of {country}") from error
    return calendar
