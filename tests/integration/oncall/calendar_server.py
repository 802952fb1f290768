"""A server of calendars, whose answers a test sets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.test_utils import TestServer


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def calendar_of(*shifts: tuple[datetime, datetime, str]) -> str:
    """``shifts`` are beginning, end and title."""
    events = (
        f"BEGIN:VEVENT\r\nUID:{i}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{stamp(begins)}\r\nDTEND:{stamp(ends)}\r\n"
        f"SUMMARY:{title}\r\nEND:VEVENT\r\n"
        for i, (begins, ends, title) in enumerate(shifts)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{''.join(events)}END:VCALENDAR\r\n"


class CalendarServer:
    def __init__(self) -> None:
        self.url = ""
        self.status, self.body = 200, b""
        self.asked = 0

    def shows(self, *shifts: tuple[datetime, datetime, str]) -> None:
        self.status, self.body = 200, calendar_of(*shifts).encode()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=self.status, body=self.body, content_type="text/calendar")


@asynccontextmanager
async def calendar_server() -> AsyncIterator[CalendarServer]:
    server = CalendarServer()
    app = web.Application()
    app.router.add_get("/secret/shop.ics", server.answer)
    async with TestServer(app) as listening:
        server.url = str(listening.make_url("/secret/shop.ics"))
        yield server
