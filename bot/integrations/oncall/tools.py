"""Schedules of PagerDuty, Opsgenie (and Jira Service Management, which answers as Opsgenie does) and Grafana IRM.

https://developer.pagerduty.com/api-reference/3a6b910f11050-list-all-of-the-on-calls
https://docs.opsgenie.com/docs/schedule-api#get-schedule-timeline
https://grafana.com/docs/oncall/latest/oncall-api-reference/schedules/
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from bot.domain.oncall.shift import Shift
from bot.integrations.http import ToolRefused, call

_MOST_PAGES = 20
_PAGE = 100
_Answer = TypeVar("_Answer")


class Asked(NamedTuple):
    """Which schedule of which tool, and of which span of time."""

    url: str
    token: str
    schedule: str
    begins: datetime
    ends: datetime

    def address(self, path: str, query: dict[str, str]) -> str:
        return f"{self.url.rstrip('/')}{path}?{urlencode(query)}"


class _User(msgspec.Struct, frozen=True):
    summary: str | None = None
    email: str | None = None


class _Entry(msgspec.Struct, frozen=True):
    user: _User
    start: datetime | None = None
    end: datetime | None = None


class _OnCalls(msgspec.Struct, frozen=True):
    oncalls: list[_Entry]
    more: bool = False


async def pagerduty_shifts(session: aiohttp.ClientSession, asked: Asked) -> list[Shift]:
    """Raises ToolFailure, ToolRefused."""
    headers = {
        "Authorization": f"Token token={asked.token}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    found: list[Shift] = []
    for page in range(_MOST_PAGES):
        query = {
            "schedule_ids[]": asked.schedule,
            "include[]": "users",
            "since": asked.begins.isoformat(),
            "until": asked.ends.isoformat(),
            "limit": str(_PAGE),
            "offset": str(page * _PAGE),
        }
        answer = _decoded(await call(session, "GET", asked.address("/oncalls", query), headers), _OnCalls)
        for one in answer.oncalls:  # one that is on call always has neither beginning nor end
            found += _shift(one.start or asked.begins, one.end or asked.ends, one.user.email or one.user.summary)
        if not answer.more:
            break
    return _each_once(found)


class _Recipient(msgspec.Struct, frozen=True):
    type: str = ""
    name: str = ""


class _Period(msgspec.Struct, frozen=True, rename="camel"):
    start_date: datetime
    end_date: datetime
    recipient: _Recipient | None = None
    type: str = ""


class _Rotation(msgspec.Struct, frozen=True):
    periods: list[_Period] = []


class _FinalTimeline(msgspec.Struct, frozen=True):
    rotations: list[_Rotation] = []


class _TimelineData(msgspec.Struct, frozen=True, rename="camel"):
    final_timeline: _FinalTimeline


class _Timeline(msgspec.Struct, frozen=True):
    data: _TimelineData


async def opsgenie_shifts(session: aiohttp.ClientSession, asked: Asked) -> list[Shift]:
    """Raises ToolFailure, ToolRefused."""
    weeks = max(1, (asked.ends - asked.begins).days // 7 + 1)
    query = {
        "identifierType": "name",
        "interval": str(weeks),
        "intervalUnit": "weeks",
        "date": asked.begins.isoformat(timespec="seconds"),
    }
    address = asked.address(f"/v2/schedules/{quote(asked.schedule, safe='')}/timeline", query)
    headers = {"Authorization": f"GenieKey {asked.token}"}
    answer = _decoded(await call(session, "GET", address, headers), _Timeline)
    periods = (period for rotation in answer.data.final_timeline.rotations for period in rotation.periods)
    found = (
        _shift(period.start_date, period.end_date, period.recipient.name)
        for period in periods
        if period.recipient is not None and period.recipient.type == "user"
    )
    return _each_once(shift for shifts in found for shift in shifts)


class _FinalShift(msgspec.Struct, frozen=True):
    shift_start: datetime
    shift_end: datetime
    user_email: str | None = None
    user_username: str | None = None


class _FinalShifts(msgspec.Struct, frozen=True):
    results: list[_FinalShift]
    next: str | None = None


async def grafana_irm_shifts(session: aiohttp.ClientSession, asked: Asked, grafana_url: str) -> list[Shift]:
    """``grafana_url`` is that of the stack, which a service account's token needs. Raises ToolFailure, ToolRefused."""
    headers = {"Authorization": asked.token} | ({"X-Grafana-URL": grafana_url} if grafana_url else {})
    found: list[Shift] = []
    for page in range(1, _MOST_PAGES + 1):
        days = {"start_date": asked.begins.date().isoformat(), "end_date": asked.ends.date().isoformat()}
        path = f"/api/v1/schedules/{quote(asked.schedule, safe='')}/final_shifts/"
        answer = _decoded(
            await call(session, "GET", asked.address(path, days | {"page": str(page)}), headers), _FinalShifts
        )
        for one in answer.results:
            found += _shift(one.shift_start, one.shift_end, one.user_email or one.user_username)
        if not answer.next:
            break
    return _each_once(found)


def _shift(begins: datetime, ends: datetime, who: str | None) -> list[Shift]:
    """None where nobody is named, or it does not last."""
    begins, ends = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (begins, ends))
    return [Shift(begins.astimezone(UTC), ends.astimezone(UTC), (who,))] if who and begins < ends else []


def _each_once(shifts: Iterable[Shift]) -> list[Shift]:
    """Somebody may be on call by several policies at once."""
    return sorted(set(shifts), key=lambda shift: (shift.begins, shift.ends, shift.people))


def _decoded(body: bytes, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ToolRefused(f"its answer cannot be read: {error}", 200) from error
