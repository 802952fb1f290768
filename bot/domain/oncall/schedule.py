"""``schedules`` of tandem.yaml: where it is written who is on call."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.domain.access.person import SlackId
from bot.domain.oncall.shift import Shift
from bot.domain.window import DAYS, Zone, moment_on

_HANDOVER = re.compile(r"(?:(?P<day>[a-z]{3}|daily)\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})")
_FIRST_MONDAY = date(1970, 1, 5)
KINDS = ("rotation", "ical", "pagerduty", "opsgenie", "grafana_irm")
_TURNS_AHEAD = 3


class Handover(NamedTuple):
    """``weekday`` is None where it is every day."""

    weekday: int | None
    at: time

    @property
    def days(self) -> int:
        return 1 if self.weekday is None else len(DAYS)


def parse_handover(text: str) -> Handover:
    """Raises ValueError with how to write it.

    >>> parse_handover("mon 09:00")
    Handover(weekday=0, at=datetime.time(9, 0))
    """
    how = f"{text!r} is no handover: write a day and a time, as in 'mon 09:00', or '09:00' for every day"
    found = _HANDOVER.fullmatch(text.strip().lower())
    if not found:
        raise ValueError(how)
    day, hour, minute = found["day"], int(found["hour"]), int(found["minute"])
    if hour > 23 or minute > 59 or (day and day != "daily" and day not in DAYS):
        raise ValueError(how)
    weekday = None if day in (None, "daily") else list[str](DAYS).index(day)
    return Handover(weekday, time(hour, minute))


def _check_handover(text: str) -> str:
    parse_handover(text)
    return text


def _check_address(url: str | None) -> str | None:
    if url is None:
        return None
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https", "webcal") or not parsed.hostname:
        raise ValueError("write the address of a calendar, as in https://calendar.example/shop.ics")
    return url


class SecretName(BaseModel):
    """The name of a secret: `{secret: X}` is read from the environment, `TANDEM_SECRET_X`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,100}$")]
    """`X` is read from the environment, `TANDEM_SECRET_X`."""


def _check_calendar(calendar: str | SecretName | None) -> str | SecretName | None:
    return calendar if isinstance(calendar, SecretName) else _check_address(calendar)


class Schedule(BaseModel):
    """Who is on call when: one of `rotation`, `ical`, `pagerduty`, `opsgenie` and `grafana_irm`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    rotation: Annotated[list[Annotated[str, Field(min_length=1)]] | None, Field(min_length=1, max_length=500)] = None
    """Who takes turns, in this order: Slack user ids, e-mail addresses, or names that `people` maps."""
    handover: Annotated[str, AfterValidator(_check_handover)] = "mon 09:00"
    """When the next one takes over: a day and a time (`mon 09:00`), or a time for every day (`09:00`)."""
    zone: Zone = "UTC"
    """The time zone of `handover`, and of times and whole days in a calendar that name none."""
    begins: Annotated[date | None, Field(alias="from")] = None
    """The first one's turn begins with the first handover from this day on; default: counted from 1970."""
    ical: Annotated[str | SecretName | None, AfterValidator(_check_calendar)] = None
    """The address of an iCalendar file, or `{secret: NAME}` where the address is itself secret."""
    pagerduty: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    """The id of a schedule in PagerDuty; needs `TANDEM_PAGERDUTY_TOKEN`."""
    opsgenie: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    """The name of a schedule in Opsgenie or Jira Service Management; needs `TANDEM_OPSGENIE_TOKEN`."""
    grafana_irm: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    """The id of a schedule in Grafana IRM; needs `TANDEM_GRAFANA_IRM_URL` and `TANDEM_GRAFANA_IRM_TOKEN`."""
    fallback: Annotated[list[SlackId], Field(max_length=20)] = []
    """Who is called too where it is not known who is on call now: people and user groups."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"write one of {', '.join(KINDS)}" + (f", not {' and '.join(given)}" if given else ""))
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def fetched(self) -> bool:
        """Whether who is on call is written elsewhere, and has to be asked for."""
        return self.rotation is None


def rotation_shifts(schedule: Schedule, people: Sequence[str], moment: datetime) -> list[Shift]:
    """The shift that holds a moment and the next ones, of people who take turns in this order.

    A handover is at the same time of day in summer and in winter, so that two shifts of a year are an hour shorter or
    longer than the others.
    """
    handover, zone = parse_handover(schedule.handover), ZoneInfo(schedule.zone)
    first = _first_handover(schedule.begins or _FIRST_MONDAY, handover)
    turn = (moment.astimezone(zone).date() - first).days // handover.days
    if moment_on(_day(first, handover, turn), handover.at, zone) > moment:
        turn -= 1
    turns = range(turn, turn + max(_TURNS_AHEAD, len(people) + 1))
    edges = [moment_on(_day(first, handover, one), handover.at, zone) for one in (*turns, turns.stop)]
    return [Shift(edges[i], edges[i + 1], (people[one % len(people)],)) for i, one in enumerate(turns)]


def _first_handover(begins: date, handover: Handover) -> date:
    ahead = 0 if handover.weekday is None else (handover.weekday - begins.weekday()) % len(DAYS)
    return begins + timedelta(days=ahead)


def _day(first: date, handover: Handover, turn: int) -> date:
    return first + timedelta(days=turn * handover.days)
