"""The report of an incident with its charts, in one message of its thread.

A file, not a canvas: that needs no scope beside ``files:write``, which charts need anyway; teams without a paid plan
have one canvas a channel and no other; and the charts stay beside it, as a canvas takes no pictures from the API.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import structlog

from bot.domain.event import Chart
from bot.domain.incident import Incident
from bot.incidents.reports.markdown import MOST_SERIES, Told, load, report_of
from bot.notify.charts.chart import in_words, render_chart
from bot.notify.charts.course import course_in_words, render_course
from bot.notify.plain_text import shortened
from bot.notify.slack.sharing.files import File, Files
from bot.storage.database import Database
from bot.storage.queries.shown import channel_messages

log = structlog.get_logger(__name__)


async def share_report(
    database: Database, files: Files, incident: Incident, now: datetime, channel: str
) -> Mapping[str, tuple[str, str]]:
    """Returns where the incident is shown; where it is shown nowhere, the report is in ``channel``.

    Raises SlackClientError, aiohttp.ClientError, TimeoutError.
    """
    async with database.read() as connection:
        told = await load(connection, incident, now)
        places = await channel_messages.places_of(connection, [incident.id])
    place, thread = places.get(incident.id, (channel, ""))
    name, title = f"incident-{incident.number}.md", f"Report of incident #{incident.number}"
    pictures = await asyncio.to_thread(_pictures, told)  # drawing takes tenths of seconds, loading the library one
    await files.share([File(name, title, report_of(told)), *pictures], place, thread)
    return places


def _pictures(told: Told) -> list[File]:
    number = told.incident.number
    charts = [alert.chart for alert in told.alerts if alert.chart is not None][:MOST_SERIES]
    drawn = [_course(told, f"incident-{number}-course.png"), *map(_series, charts)]
    named = [file for file in drawn if file is not None]
    return [file._replace(name=f"incident-{number}-{n}.png") for n, file in enumerate(named, start=1)]


def _course(told: Told, name: str) -> File | None:
    course = told.course
    try:
        return File(name, "When what fired", render_course(course), course_in_words(course))
    except Exception:
        log.exception("report.course_not_drawn", incident=told.incident.number)  # no picture is worth the report
        return None


def _series(chart: Chart) -> File | None:
    try:
        return File("", shortened(chart.title, 200) or "Chart", render_chart(chart), in_words(chart))
    except Exception:
        log.exception("report.chart_not_drawn", title=chart.title[:100])
        return None
