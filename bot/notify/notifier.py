"""The notifier reconciles a channel with the database: it compares what is shown with what is, and
publishes the difference.

It is level-triggered: nothing queues for it. However many changes an incident saw, the next call shows
its state as it is then; an outage of the channel or of ours loses nothing. Each channel has a notifier of its own, so
that one that refuses or is slow delays no other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.errors import StorageUnavailable
from bot.inbox.backlog import Backlog
from bot.notify.backoff import is_worth_a_line, wait_for_channel
from bot.notify.budget.plan import LOOKED_AT, Plan
from bot.notify.channel import Channel, ChannelFailure, ChannelRefusal, ContentRefused, MessageRefused, RateLimited
from bot.notify.channels.routed import Routed
from bot.notify.digest.digests import Digests
from bot.notify.duplicate_posts import DuplicatePosts
from bot.notify.messages import Messages
from bot.notify.outlet import ChannelsOf, Outlet
from bot.notify.rate_limits import RateLimits
from bot.notify.setbacks import Item, Setbacks
from bot.notify.threads import Threads
from bot.observability import tracing
from bot.observability.metrics import SLACK_OUT_OF_DATE
from bot.storage.database import Database
from bot.storage.queries import incidents, traces
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import Closed, Names

INTERVAL = 1.0
POLL = 2.0
_REFUSAL_WAIT = 15.0
_ALONE_WAIT = 5.0
"""Longest wait while a single message has failed: another one may come, which the channel takes."""

log = structlog.get_logger(__name__)


class Notifier:
    """Reconciles one channel with the database: the pairs of it and each incident that it shows.

    ``channels_of`` says which incidents those are; without it, all. ``problem`` says why the channel could not be
    reached or refuses; None while all is well. ``reached`` turns true with the first call that succeeds. ``described``
    are the names in the topology of the configuration, which attest an incident in a flood. ``thread_published``
    is set when charts may be wanted, ``thread_grown`` when findings may be. ``routed``: it shows what
    routes lead to it, and is woken for that (:mod:`bot.notify.channels.served`), so it need not look as often.
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
        timer: Callable[[], float] = time.monotonic,
        described: Collection[str] = (),
        routed: Routed | None = None,
    ) -> None:
        self._database = database
        self._channel = channel
        self._sleep = sleep
        self._backlog = backlog
        self._routed = routed
        outlet = Outlet(database, channel, channels_of or (lambda _: [channel.name]), clock, sleep, interval, routed)
        self._duplicates = DuplicatePosts(outlet)
        self._messages = Messages(outlet, self._duplicates, backlog)
        self._threads = Threads(outlet)
        self._digests = Digests(outlet, timer, described)
        self._limits = RateLimits(timer, routed.limits if routed else None)
        self.setbacks = Setbacks(timer)
        self._woken = asyncio.Event()
        self.thread_published, self.thread_grown = asyncio.Event(), asyncio.Event()
        self._plan = Plan(timer, self.wake, routed.budget if routed else None, routed.lags if routed else None)
        self._key = ""
        self._counted = 0
        self._adopted = False
        self.problem: str | None = None
        self.refused = False
        self.reached = False

    def wake(self) -> None:
        self._woken.set()

    def also(self, name: str) -> None:
        """Routes know this channel by another name, too."""
        if self._routed is not None:
            self._routed.names.add(name)

    async def key(self) -> str:
        """The channel's key, asked for until it is known."""
        return await self._retrying()(self._channel.key)

    async def run(self) -> None:
        """Reconcile until cancelled; what fails is tried again, for as long as it takes."""
        self._adopted = False
        try:
            await self._reconcile_always()
        finally:  # what is wrong from now on, another replica says
            self.problem, self.refused = None, False
            self._plan.end(self._key)
            self._count(0)

    async def _reconcile_always(self) -> None:
        while True:
            if not await self._retrying()(self.reconcile):
                await self._rest()

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type((ChannelFailure, StorageUnavailable)),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._note_failure,
        )

    async def reconcile(self) -> bool:
        """Make one message or thread true; False where all are, or the channel takes none of them now.

        Raises ChannelFailure, StorageUnavailable.
        """
        if self._limits.closed("key"):
            return False
        try:
            key = await self._channel.key()
        except RateLimited as limited:
            return self._limit(limited)
        if self._routed is not None and self._key not in ("", key):
            self._routed.known_as(key)
        self._key = key
        await self._adopt(key)
        item = await self._next(key)
        if item is not None:
            return await self._attempt(item)
        if not await self._duplicates.look():
            return False
        self._succeed()
        return True

    async def _next(self, key: str) -> Item | None:
        """What is to be published next: what failed comes after the others."""
        async with self._database.read() as connection:
            out_of_date = await channel_messages.count_out_of_date(connection, key, self._names)
            self._count(out_of_date)
            if not self._digests.may_admit(out_of_date):
                return await self._chosen(connection, key)
        await self._digests.admit(key)
        async with self._database.read() as connection:
            return await self._chosen(connection, key)

    async def _chosen(self, connection: AsyncConnection, key: str) -> Item | None:
        chosen = await self._choose(connection, key, doubted=False)
        doubts = any(self.setbacks.doubted(kind) for kind in ("message", "thread", "digest"))
        return await self._choose(connection, key, doubted=True) if chosen is None and doubts else chosen

    async def _choose(self, connection: AsyncConnection, key: str, doubted: bool) -> Item | None:
        caught_up = self._backlog is None or self._backlog.caught_up
        closed = self._closed(doubted)
        digest = await self._digests.next(connection, key, closed, self._left_out("digest", doubted))
        messages = await channel_messages.next_to_show(connection, key, caught_up, closed, self._names, LOOKED_AT)
        thread = await channel_messages.next_thread(connection, key, closed)
        return self._plan.next(key, digest, messages, thread)

    def _closed(self, doubted: bool) -> Closed:
        """What is not attempted now; what failed, only with ``doubted``."""
        closed = self._limits.closed
        return Closed(
            post=closed("post"),
            update=closed("update"),
            find=closed("find"),
            find_reply=closed("find_reply"),
            new=bool(self._digests.flood),
            messages=self._left_out("message", doubted),
            threads=self._left_out("thread", doubted),
        )

    def _left_out(self, kind: str, doubted: bool) -> list[str]:
        return [*self.setbacks.waiting(kind), *(() if doubted else self.setbacks.doubted(kind))]

    async def _attempt(self, item: Item) -> bool:
        try:
            await self._publish(item)
        except RateLimited as limited:
            return self._limit(limited)
        except (MessageRefused, ContentRefused) as refusal:
            await self._set_aside(item, str(refusal))
            return True
        except ChannelFailure as failure:
            if not self.setbacks.failed(item):
                raise
            await self._set_aside(item, str(failure))
            return True
        self.setbacks.succeeded(item)
        self._plan.published(item)
        self._succeed()
        return True

    async def _publish(self, item: Item) -> None:
        with tracing.span(f"slack.{item.kind}", parent=await self._trace(item.id)):
            if item.kind == "thread":
                await self._threads.publish(item.id)
                self.thread_published.set()
                self.thread_grown.set()
            elif item.kind == "digest":
                await self._digests.publish(item.id)
            elif await self._messages.show(item.id):
                self._digests.posted(item.id)

    def _succeed(self) -> None:
        self._limits.passed()
        self.problem, self.refused, self.reached = None, False, True

    def _limit(self, limited: RateLimited) -> bool:
        """Calls of this kind wait; whether others may be made, the next turn shows."""
        wait = self._limits.note(limited)
        self.problem, self.refused = str(limited), False
        log.warning("channel.rate_limited", channel=self._channel.name, call=limited.call, retry_in=wait)
        return limited.call != "key"

    async def _set_aside(self, item: Item, reason: str) -> None:
        async with self._database.read() as connection:
            incident = await incidents.by_id(connection, item.id)
        of = f"incident #{incident.number if incident else '?'}" if item.kind != "digest" else "new incidents"
        about = f"the {item.kind} of {of}"
        wait = self.setbacks.refused(item, about, reason)
        log.error("channel.set_aside", channel=self._channel.name, about=about, reason=reason, retry_in=wait)

    def _wait(self, state: RetryCallState) -> float:
        """While a single message has failed it may be at fault itself, and others are not to wait for long."""
        wait = wait_for_channel(state, _REFUSAL_WAIT)
        if isinstance(state.outcome and state.outcome.exception(), ChannelFailure) and self.setbacks.one_in_doubt:
            return min(wait, INTERVAL if state.attempt_number == 1 else _ALONE_WAIT)
        return wait

    async def _adopt(self, key: str) -> None:
        """Take over what the release before has written, once each time that we begin."""
        after = ""
        self._adopted |= self._routed is not None and not self._routed.adopts
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
            async with asyncio.timeout(POLL if self._routed is None or self._restless else self._routed.seldom()):
                await self._woken.wait()

    @property
    def _names(self) -> Names:
        return self._routed.names if self._routed else None

    @property
    def _restless(self) -> bool:
        """Whether time alone may bring something to do; the first channel looks often for what nobody wakes it for."""
        if self._routed is None or self._routed.adopts:
            return True
        stuck = self._counted and not self._plan.waits
        return any(map(bool, (self._digests.flood, self.setbacks, self._limits, self._duplicates, stuck)))

    def _note_failure(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.problem, self.refused = str(error), isinstance(error, ChannelRefusal)
        if not is_worth_a_line(state.attempt_number):
            return
        log.warning(
            "channel.not_published",
            channel=self._channel.name,
            reason=self.problem,
            attempt=state.attempt_number,
            retry_in=state.upcoming_sleep,
        )
