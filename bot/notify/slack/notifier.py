"""The notifier keeps Slack's messages true: it compares what is shown with what is, and says the difference.

It is level-triggered: nothing queues for it. However many changes an incident saw, the next call shows
its state as it is then; an outage of Slack or of ours loses nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import msgspec
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.errors import StorageUnavailable
from bot.inbox.backlog import Backlog
from bot.notify.slack.backoff import wait_for_slack
from bot.notify.slack.channel import (
    ContentRefused,
    MessageGone,
    SlackChannel,
    SlackFailure,
    SlackRefusal,
    incident_metadata,
    thread_metadata,
)
from bot.notify.slack.chart_uploads import MAX_CHARTS
from bot.notify.slack.duplicate_posts import Doubles
from bot.notify.slack.render import plain, render
from bot.notify.slack.thread import MAX_DETAILED, MAX_ENTRIES, render_thread
from bot.notify.slack.view import IncidentView, load_view
from bot.observability import tracing
from bot.observability.metrics import SLACK_OUT_OF_DATE
from bot.storage.database import Database
from bot.storage.queries import alerts, charts, incidents, slack_messages, traces
from bot.storage.queries.slack_messages import SlackMessage

INTERVAL = 1.0
POLL = 2.0
MESSAGES_PER_THREAD = 10
SETTLE = 3.0
"""A call that nobody waits for any more, because its replica is gone, may take so many seconds to be seen in Slack."""
_REFUSAL_WAIT = 15.0

log = structlog.get_logger(__name__)


class Notifier:
    """Reconciles one channel with the database.

    ``problem`` says why Slack could not be reached or refuses; None while all is well. ``reached`` turns
    true with the first call that succeeds.
    """

    def __init__(
        self,
        database: Database,
        channel: SlackChannel,
        clock: Callable[[], datetime],
        interval: float = INTERVAL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backlog: Backlog | None = None,
    ) -> None:
        self._database = database
        self._channel = channel
        self._clock = clock
        self._interval = interval
        self._sleep = sleep
        self._backlog = backlog
        self._doubles = Doubles(database, channel, clock, self._paced)
        self._woken = asyncio.Event()
        self._next_call = 0.0
        self._turn = 0
        self.problem: str | None = None
        self.refused = False
        self.reached = False

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Reconcile until cancelled; what fails is tried again, for as long as it takes."""
        try:
            await self._reconcile_always()
        finally:  # what is wrong from now on, another replica says
            self.problem, self.refused = None, False
            SLACK_OUT_OF_DATE.set(0)

    async def _reconcile_always(self) -> None:
        while True:
            retrying = AsyncRetrying(
                retry=retry_if_exception_type((SlackFailure, StorageUnavailable)),
                wait=lambda state: wait_for_slack(state, _REFUSAL_WAIT),
                sleep=self._sleep,
                before_sleep=self._note_failure,
            )
            if not await retrying(self.reconcile):
                await self._rest()

    async def reconcile(self) -> bool:
        """Make one message or thread true; False where all are. Raises SlackFailure, StorageUnavailable."""
        async with self._database.read() as connection:
            caught_up = self._backlog is None or self._backlog.caught_up
            incident_id = await slack_messages.next_to_show(connection, caught_up)
            thread_id = await slack_messages.next_thread(connection)
            SLACK_OUT_OF_DATE.set(await slack_messages.count_out_of_date(connection))
        self._turn += 1
        if thread_id and (incident_id is None or self._turn % MESSAGES_PER_THREAD == 0):
            with tracing.span("slack.thread", parent=await self._trace(thread_id)):
                await self._tell_thread(thread_id)
        elif incident_id:
            with tracing.span("slack.message", parent=await self._trace(incident_id)):
                await self._show(incident_id)
        elif not await self._doubles.look():
            return False
        self.problem, self.refused, self.reached = None, False, True
        return True

    async def _trace(self, incident_id: str) -> str:
        if not tracing.on():
            return ""
        async with self._database.read() as connection:
            return await traces.of_incident(connection, incident_id)

    async def _rest(self) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._woken.wait()

    def _note_failure(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.problem, self.refused = str(error), isinstance(error, SlackRefusal)
        log.warning("slack.not_told", reason=self.problem, attempt=state.attempt_number, retry_in=state.upcoming_sleep)

    async def _paced(self) -> None:
        """At most one call in ``interval`` seconds."""
        loop = asyncio.get_running_loop()
        wait = self._next_call - loop.time()
        if wait > 0:
            await self._sleep(wait)
        self._next_call = max(loop.time(), self._next_call) + self._interval

    async def _show(self, incident_id: str) -> None:
        async with self._database.read() as connection:
            message = await slack_messages.of_incident(connection, incident_id)
        if message.ts is None and message.posting_since is not None:
            await self._sleep(max(SETTLE - (self._clock() - message.posting_since).total_seconds(), 0.0))
            await self._paced()
            found = await self._channel.find_message(incident_id, message.posting_since)
            if found is None:
                self._doubles.doubt(incident_id, message.posting_since)
            message = msgspec.structs.replace(message, ts=found, posting_since=None)
        await self._paced()
        async with self._database.read() as connection:
            view = await load_view(connection, incident_id, self._clock())
        if view is None:
            return
        if self._backlog:
            view = msgspec.structs.replace(view, behind=self._backlog.behind(view.incident.domain))
        try:
            shown = await self._post(view, message) if message.ts is None else await self._update(view, message)
        except MessageGone as gone:
            log.warning("slack.message_gone", incident=view.incident.number, reason=str(gone))
            shown = SlackMessage(incident_id=incident_id)
        await self._save(shown)

    async def _post(self, view: IncidentView, message: SlackMessage) -> SlackMessage:
        """Post for the first time. The marker is committed first: if the answer is lost, we look for our message."""
        channel = await self._channel.find_id()
        await self._save(msgspec.structs.replace(message, channel=channel, posting_since=self._clock()))
        metadata = incident_metadata(view.incident.id)
        try:
            ts = await self._channel.post(render(view), metadata)
        except ContentRefused as refused:
            log.error("slack.content_refused", incident=view.incident.number, reason=str(refused))
            await self._paced()
            ts = await self._channel.post(plain(view), metadata)
        return msgspec.structs.replace(
            message,
            channel=channel,
            ts=ts,
            shown_version=view.incident.version,
            posting_since=None,
            shown_behind=view.says_behind,
        )

    async def _update(self, view: IncidentView, message: SlackMessage) -> SlackMessage:
        assert message.ts is not None
        metadata = incident_metadata(view.incident.id)
        try:
            await self._channel.update(message.ts, render(view), metadata)
        except ContentRefused as refused:
            log.error("slack.content_refused", incident=view.incident.number, reason=str(refused))
            await self._paced()
            await self._channel.update(message.ts, plain(view), metadata)
        return msgspec.structs.replace(
            message, shown_version=view.incident.version, posting_since=None, shown_behind=view.says_behind
        )

    async def _tell_thread(self, incident_id: str) -> None:
        """Post what the thread does not show yet, together. A marker is committed first, as in :meth:`_post`."""
        await self._paced()
        async with self._database.read() as connection:
            message = await slack_messages.of_incident(connection, incident_id)
            incident = await incidents.by_id(connection, incident_id)
            new = await incidents.timeline_of(connection, incident_id, after=message.thread_position, limit=MAX_ENTRIES)
            known = await alerts.of_incidents(connection, [incident_id], MAX_DETAILED)
        if incident is None or message.ts is None or not new:
            return
        if message.thread_posting is not None:
            await self._sleep(SETTLE)
            if await self._channel.find_reply(message.ts, message.thread_posting):
                await self._thread_told(message, message.thread_posting)
                return
            await self._paced()
            new = [(position, entry) for position, entry in new if position <= message.thread_posting]
        position = new[-1][0]
        await self._save(msgspec.structs.replace(message, thread_posting=position))
        detailed = known[incident_id] if message.thread_position == 0 else []
        said = render_thread([entry for _, entry in new], detailed)
        try:
            await self._channel.post(said, thread_metadata(incident_id, position), thread=message.ts)
        except ContentRefused as refused:
            log.error("slack.content_refused", incident=incident.number, reason=str(refused))
        except MessageGone:
            log.warning("slack.thread_gone", incident=incident.number)
        await self._thread_told(message, position)

    async def _thread_told(self, message: SlackMessage, position: int) -> None:
        """Charts come after what the thread says of their alerts; :mod:`bot.notify.slack.chart_uploads` brings them."""
        told = msgspec.structs.replace(message, thread_position=position, thread_posting=None)
        async with self._database.write() as connection:
            await slack_messages.save(connection, told)
            await charts.want(connection, message.incident_id, MAX_CHARTS, self._clock())

    async def _save(self, message: SlackMessage) -> None:
        async with self._database.write() as connection:
            await slack_messages.save(connection, message)
