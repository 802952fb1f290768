"""Schedules that are kept elsewhere: read, kept, and still known where nothing can be read any more."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.config.environment import Environment
from bot.config.model import Config
from bot.integrations.oncall.fetching import Fetching
from bot.localslack import LocalSlack
from bot.notify.slack.people import People
from bot.routing.schedules.reading import EVERY, SOON, ScheduleReading
from bot.routing.schedules.roster import NowOnCall, Roster, resolve
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.oncall.calendar_server import CalendarServer, calendar_server

HOUR = timedelta(hours=1)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def server() -> AsyncIterator[CalendarServer]:
    async with calendar_server() as serving:
        yield serving


class Reader:
    """Reads the schedules of a tandem.yaml as the program does."""

    def __init__(self, database: Database, clock: Clock, session: aiohttp.ClientSession, written: Mapping[str, Any]):
        config = Config.model_validate(written)
        self.roster = Roster(database, config.schedules, config.people, clock)
        fetching = Fetching(session, Environment(), {})
        self.reading = ScheduleReading(database, config.schedules, config.people, fetching, clock)

    async def shop(self) -> NowOnCall:
        await self.reading.read_due()
        return (await self.roster.now())["shop"]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.fixture
def reader(database: Database, clock: Clock, session: aiohttp.ClientSession, server: CalendarServer) -> Reader:
    shop = {"ical": server.url, "fallback": ["S0SHOPGRP"]}
    return Reader(database, clock, session, {"schedules": {"shop": shop}, "people": {"Ada": "U0ADA", "Ben": "U0BEN"}})


async def test_a_calendar_says_who_is_on_call_now_and_next(
    reader: Reader, server: CalendarServer, clock: Clock
) -> None:
    server.shows((clock.now - HOUR, clock.now + HOUR, "Ada"), (clock.now + HOUR, clock.now + 9 * HOUR, "Duty: Ben"))
    found = await reader.shop()
    assert (found.people, found.turn.until, found.turn.then) == (("U0ADA",), clock.now + HOUR, ("U0BEN",))
    assert found.problem == ""
    clock.pass_(hours=1)
    assert (await reader.shop()).people == ("U0BEN",)


@on_sqlite
@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"", "answers with status 500"),
        (404, b"", "answers with status 404"),
        (200, b"<html>Sign in</html>", "no iCalendar file"),
        (200, b"BEGIN:VCALENDAR\r\n" + b"X" * 10_000_000, "more than 4 MiB"),
    ],
)
async def test_what_cannot_be_read_leaves_what_was_last_known_and_is_said_once_it_is_stale(
    reader: Reader, server: CalendarServer, clock: Clock, status: int, body: bytes, why: str
) -> None:
    server.shows((clock.now - HOUR, clock.now + 9 * HOUR, "Ada"))
    assert (await reader.shop()).people == ("U0ADA",)
    server.status, server.body = status, body
    clock.pass_(minutes=6)
    found = await reader.shop()
    assert (found.people, found.problem) == (("U0ADA",), ""), "a few minutes are nothing to speak of"
    clock.pass_(minutes=40)
    found = await reader.shop()
    assert found.people == ("U0ADA",)
    assert why in found.problem
    assert "last known" in found.problem
    assert "/secret/" not in found.problem
    called = resolve(["schedule:shop"], {"shop": found})
    assert called.names == ("U0ADA", "S0SHOPGRP"), "who may not be on call any more is not called alone"
    server.shows((clock.now - HOUR, clock.now + HOUR, "Ben"))
    clock.pass_(minutes=1)
    found = await reader.shop()
    assert (found.people, found.problem) == (("U0BEN",), "")


@on_sqlite
async def test_a_calendar_that_was_never_read_calls_the_fallback(reader: Reader, server: CalendarServer) -> None:
    server.status = 500
    found = await reader.shop()
    assert "could not be read so far" in found.problem
    assert resolve(["schedule:shop"], {"shop": found}).names == ("S0SHOPGRP",)


@on_sqlite
async def test_a_recurrence_that_takes_for_ever_to_work_out_is_given_up(
    reader: Reader, server: CalendarServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.integrations.oncall.calendars.READ_WITHIN", 3.0)
    server.shows()
    event = (
        "BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:19700101T000000Z\r\nDTEND:19700101T000001Z\r\n"
    )
    endless = f"{event}RRULE:FREQ=SECONDLY\r\nSUMMARY:Ada\r\nEND:VEVENT\r\nEND:VCALENDAR"
    server.body = server.body.replace(b"END:VCALENDAR", endless.encode())
    assert "a recurrence without bound?" in (await reader.shop()).problem


@on_sqlite
async def test_it_is_asked_for_now_and_then_and_sooner_after_a_failure(
    reader: Reader, server: CalendarServer, clock: Clock
) -> None:
    server.status = 500
    await reader.shop()
    await reader.shop()
    assert server.asked == 1
    clock.now += SOON
    server.shows()
    await reader.shop()
    assert server.asked == 2
    clock.now += SOON
    await reader.shop()
    assert server.asked == 2
    clock.now += EVERY
    await reader.shop()
    assert server.asked == 3


@on_sqlite
async def test_what_was_read_by_another_definition_does_not_count(
    reader: Reader, server: CalendarServer, database: Database, clock: Clock, session: aiohttp.ClientSession
) -> None:
    server.shows((clock.now - HOUR, clock.now + HOUR, "Ada"))
    await reader.shop()
    moved = {"schedules": {"shop": {"ical": "http://127.0.0.1:9/other.ics"}}, "people": {"Ada": "U0ADA"}}
    other = Reader(database, clock, session, moved)
    assert (await other.roster.now())["shop"].people == ()
    found = await other.shop()
    assert "127.0.0.1 cannot be reached" in found.problem
    assert "other.ics" not in found.problem


@on_sqlite
async def test_people_are_found_by_their_address_and_who_is_not_found_is_named(
    database: Database, clock: Clock
) -> None:
    written = {"shop": {"rotation": ["ana@local.example"]}, "mail": {"rotation": ["nobody@local.example"]}}
    config = Config.model_validate({"schedules": written})

    async def fetch(*_: object) -> list[Any]:
        raise AssertionError("a rotation is written in tandem.yaml")

    async with LocalSlack() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        people = People(client, clock)
        reading = ScheduleReading(database, config.schedules, {}, fetch, clock, people.by_address)
        await reading.read_due()
        roster = Roster(database, config.schedules, {}, clock)
        found = await roster.now()
        assert found["shop"].people == ("U012AB3CD",)
        assert found["mail"].unknown == ("nobody@local.example",)
        called = resolve(["schedule:mail"], found)
        assert called.names == ()
        assert "cannot be found in Slack" in called.notes[0]
        slack.fail("users.lookupByEmail", "500", count=5)
        clock.now += EVERY
        await reading.read_due()
        assert (await roster.now())["shop"].people == ("U012AB3CD",), "an outage of Slack makes nobody unknown"
