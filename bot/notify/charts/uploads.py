"""Brings the charts of alerts and runs into their incidents' threads, beside the notifier: no message waits for one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import RetryCallState

from bot.domain.event import Chart
from bot.notify.backoff import rest, until_taken
from bot.notify.channel import Channel, ChannelFailure, ChannelRefusal, ContentRefused, MessageGone, MessageRefused
from bot.notify.charts.chart import in_words, render_chart
from bot.notify.plain_text import shortened
from bot.notify.setbacks import Item, Setbacks
from bot.storage.database import Database
from bot.storage.queries import charts
from bot.storage.queries.charts import UploadState, WantedChart

MAX_CHARTS = 5
"""In one incident."""
INTERVAL = 1.0
SELDOM = 300.0
_SET_ASIDE = 10.0
FRESH = timedelta(hours=1)
"""A chart that could not be sent for so long is left out: it would say nothing new."""

log = structlog.get_logger(__name__)


class ChartUploads:
    """Uploads into one channel what :func:`bot.storage.queries.charts.want` noted, one at a time.

    ``wanted`` is set when there may be some; then it looks seldom otherwise.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        setbacks: Setbacks | None = None,
        wanted: asyncio.Event | None = None,
    ) -> None:
        self._database = database
        self._channel = channel
        self._clock = clock
        self._sleep = sleep
        self._setbacks = Setbacks(time.monotonic) if setbacks is None else setbacks
        self._wanted = wanted

    async def run(self) -> None:
        """Upload until cancelled."""
        while True:
            if await until_taken(self.upload_next, self._sleep, _note_failure):
                await self._sleep(INTERVAL)
            else:
                await rest(self._wanted, _SET_ASIDE if self._setbacks else SELDOM, self._sleep)

    async def upload_next(self) -> bool:
        """Bring one chart into its thread; False where none is wanted. Raises ChannelFailure, StorageUnavailable."""
        channel = await self._channel.key()
        async with self._database.read() as connection:
            wanted = await self._next(connection, channel)
        if wanted is None or wanted.chart is None:
            return False
        item = Item("chart", wanted.identity)
        try:
            await self._bring(wanted, wanted.chart)
        except MessageRefused as refusal:
            self._set_aside(wanted, str(refusal))
        except ChannelFailure as failure:
            if not self._setbacks.failed(item):
                raise
            self._set_aside(wanted, str(failure))
        else:
            self._setbacks.succeeded(item)
        return True

    async def _next(self, connection: AsyncConnection, channel: str) -> WantedChart | None:
        """Those that failed come after the others."""
        aside, doubted = self._setbacks.waiting("chart"), self._setbacks.doubted("chart")
        first = await charts.next_wanted(connection, channel, [*aside, *doubted])
        return first or (await charts.next_wanted(connection, channel, aside) if doubted else None)

    def _set_aside(self, wanted: WantedChart, reason: str) -> None:
        wait = self._setbacks.refused(Item("chart", wanted.identity), f"the chart of {wanted.name[:100]}", reason)
        log.error("channel.chart_set_aside", of=wanted.name, reason=reason, retry_in=wait)

    async def _bring(self, wanted: WantedChart, chart: Chart) -> None:
        stale = self._clock() - wanted.wanted_at > FRESH
        picture = None if stale else await _drawn(chart)
        if picture is None:
            log.warning("channel.chart_left_out", of=wanted.name, stale=stale)
            await self._move(wanted, UploadState.WANTED, UploadState.LEFT_OUT)
        else:
            await self._send(wanted, chart, picture)

    async def _send(self, wanted: WantedChart, chart: Chart, picture: bytes) -> None:
        """What is uploaded nobody sees until it is shared, so the marker is committed between the two.

        Slack shares files in a job of its own: one that is not in the thread yet may still come. Where the answer
        to the sharing is lost, the chart is therefore neither looked for nor sent again.
        """
        state = UploadState.WANTED
        try:
            file_id = await self._channel.upload(
                f"{wanted.identity[:12]}-{wanted.episode}.png", picture, in_words(chart)
            )
            if not await self._move(wanted, state, UploadState.SENDING):
                return
            state = UploadState.SENDING
            await self._channel.share(file_id, shortened(chart.title, 200) or "Chart", wanted.thread)
            await self._move(wanted, state, UploadState.SHOWN)
        except (ContentRefused, MessageGone) as refused:
            log.error("channel.chart_refused", of=wanted.name, reason=str(refused))
            await self._move(wanted, state, UploadState.LEFT_OUT)
        except MessageRefused:
            await self._move(wanted, state, UploadState.WANTED)
            raise
        except ChannelFailure as failure:
            if failure.retry_after is not None or isinstance(failure, ChannelRefusal):
                await self._move(wanted, state, UploadState.WANTED)
            raise

    async def _move(self, wanted: WantedChart, state: UploadState, to: UploadState) -> bool:
        async with self._database.write() as connection:
            return await charts.move(connection, wanted, state, to)


async def _drawn(chart: Chart) -> bytes | None:
    """A picture, made in another thread: drawing takes a tenth of a second, loading the library one."""
    try:
        return await asyncio.to_thread(render_chart, chart)
    except Exception:
        log.exception("channel.chart_not_drawn", title=chart.title[:100])  # no picture is worth the process
        return None


def _note_failure(state: RetryCallState) -> None:
    """An outage of the channel is the notifier's to report; here it is for those who look for charts."""
    error = state.outcome.exception() if state.outcome else None
    note = log.debug if isinstance(error, ChannelFailure) else log.warning
    note("channel.chart_not_sent", reason=str(error), attempt=state.attempt_number, retry_in=state.upcoming_sleep)
