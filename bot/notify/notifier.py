"""The notifier reconciles a channel with the database: it compares what is shown with what is, and
publishes the difference.

It is level-triggered: nothing queues for it. However many changes an incident saw, the next call shows
its state as it is then; an outage of the channel or of ours loses nothing. Each channel has a notifier of its own, so
that one that refuses or is slow delays no other.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.errors import StorageUnavailable
from bot.inbox.backlog import Backlog
from bot.notify.backoff import wait_for_channel
from bot.notify.channel import Channel, ChannelFailure, ChannelRefusal
from bot.notify.duplicate_posts import DuplicatePosts
from bot.notify.messages import Messages
from bot.notify.outlet import ChannelsOf, Outlet
from bot.notify.threads import Threads
from bot.observability import tracing
from bot.observability.metrics import SLACK_OUT_OF_DATE
from bot.storage.database import Database
from bot.storage.queries import channel_messages, traces

INTERVAL = 1.0
POLL = 2.0
MESSAGES_PER_THREAD = 10
_REFUSAL_WAIT = 15.0

log = structlog.get_logger(__name__)


class Notifier:
    """Reconciles one channel with the database: the pairs of it and each incident that it shows.

    ``channels_of`` says which incidents those are; without it, all. ``problem`` says why the channel could not be
    reached or refuses; None while all is well. ``reached`` turns true with the first call that succeeds.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        clock: Callable[[], datetime],
        interval: float = INTERVAL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backlog: Backlog | None = None,
        channels_of: ChannelsOf | None = None,
    ) -> None:
        self._database = database
        self._channel = channel
        self._sleep = sleep
        self._backlog = backlog
        outlet = Outlet(database, channel, channels_of or (lambda _: [channel.name]), clock, sleep, interval)
        self._duplicates = DuplicatePosts(outlet)
        self._messages = Messages(outlet, self._duplicates, backlog)
        self._threads = Threads(outlet)
        self._woken = asyncio.Event()
        self._turn = 0
        self._counted = 0
        self._adopted = False
        self.problem: str | None = None
        self.refused = False
        self.reached = False

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Reconcile until cancelled; what fails is tried again, for as long as it takes."""
        self._adopted = False
        try:
            await self._reconcile_always()
        finally:  # what is wrong from now on, another replica says
            self.problem, self.refused = None, False
            self._count(0)

    async def _reconcile_always(self) -> None:
        while True:
            retrying = AsyncRetrying(
                retry=retry_if_exception_type((ChannelFailure, StorageUnavailable)),
                wait=lambda state: wait_for_channel(state, _REFUSAL_WAIT),
                sleep=self._sleep,
                before_sleep=self._note_failure,
            )
            if not await retrying(self.reconcile):
                await self._rest()

    async def reconcile(self) -> bool:
        """Make one message or thread true; False where all are. Raises ChannelFailure, StorageUnavailable."""
        key = await self._channel.key()
        await self._adopt(key)
        async with self._database.read() as connection:
            caught_up = self._backlog is None or self._backlog.caught_up
            incident_id = await channel_messages.next_to_show(connection, key, caught_up)
            thread_id = await channel_messages.next_thread(connection, key)
            self._count(await channel_messages.count_out_of_date(connection, key))
        self._turn += 1
        if thread_id and (incident_id is None or self._turn % MESSAGES_PER_THREAD == 0):
            with tracing.span("slack.thread", parent=await self._trace(thread_id)):
                await self._threads.publish(thread_id)
        elif incident_id:
            with tracing.span("slack.message", parent=await self._trace(incident_id)):
                await self._messages.show(incident_id)
        elif not await self._duplicates.look():
            return False
        self.problem, self.refused, self.reached = None, False, True
        return True

    async def _adopt(self, key: str) -> None:
        """Take over what the release before has written, once each time that we begin."""
        after = ""
        while not self._adopted:
            async with self._database.read() as connection:
                rows = await channel_messages.to_adopt(connection, key, after)
            if rows:
                after = rows[-1]["incident_id"]
                async with self._database.write() as connection:
                    await channel_messages.adopt(connection, rows)
            self._adopted = not rows

    def _count(self, out_of_date: int) -> None:
        """The metric is the sum over all channels."""
        SLACK_OUT_OF_DATE.inc(out_of_date - self._counted)
        self._counted = out_of_date

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
        self.problem, self.refused = str(error), isinstance(error, ChannelRefusal)
        log.warning(
            "channel.not_published",
            channel=self._channel.name,
            reason=self.problem,
            attempt=state.attempt_number,
            retry_in=state.upcoming_sleep,
        )
