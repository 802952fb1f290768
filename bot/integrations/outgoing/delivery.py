"""Delivery: takes over from the feed what a receiver is to have, and sends it until it is taken.

The events of an incident go one after the other; those of others need not wait for them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from bot.domain.outgoing.event import EventState, OutgoingEvent, after_failure, matches, name_of
from bot.errors import StorageUnavailable, TandemError
from bot.integrations.http import ToolFailure
from bot.integrations.outgoing.envelope import event_for
from bot.integrations.outgoing.receiver import Receiver
from bot.observability.metrics import OUTGOING_EVENTS
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries.listed.feed import Happening, happenings, newest_position
from bot.storage.queries.listed.gaps import Gaps
from bot.storage.queries.outgoing import deliveries

POLL = 1.0
AT_ONCE = 4
MOST_WAITING = 10_000
"""Events of a receiver beside the feed; what is further behind stays there."""
_PAGE = 500
_AFTER_FAILURE = 2.0
_REMEMBERED = timedelta(days=30)

Send = Callable[[OutgoingEvent], Awaitable[None]]
"""Raises TandemError where it was not taken."""

log = structlog.get_logger(__name__)


async def begin(database: Database, receiver: Receiver) -> None:
    """A receiver that is new gets what happens from now on; one that is known goes on where it was."""
    async with database.read() as connection:
        newest = await newest_position(connection)
    async with database.write() as connection:
        await deliveries.begin(connection, receiver.key, receiver.shown, newest)


class Delivery:
    """It needs ``begin`` before. ``may`` says whether this replica still has the role: without it, nothing is sent."""

    def __init__(
        self,
        database: Database,
        receiver: Receiver,
        send: Send,
        clock: Callable[[], datetime],
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database, self._receiver, self._send = database, receiver, send
        self._clock, self._may = clock, may
        self._gaps = Gaps(database.is_sqlite)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                busy = [await self.collect(), await self.send_due()]
                if not any(busy):
                    await self._rest()
            except StorageUnavailable as error:
                log.warning("outgoing.waits", receiver=self._receiver.shown, reason=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._woken.wait()
        self._woken.clear()

    @begun_anew
    async def collect(self) -> bool:
        """Write down what is new for this receiver; whether there may be more."""
        key = self._receiver.key
        async with self._database.read() as connection:
            position = await deliveries.position_of(connection, key) or 0
            found = await happenings(connection, position, _PAGE)
            full = bool(found) and await deliveries.waiting(connection, key) >= MOST_WAITING
        sure = [] if full else self._gaps.sure(found, position)
        if not sure:
            return False
        events = self._events(sure)
        async with self._database.write() as connection:
            await deliveries.add(connection, key, events, sure[-1].position)
        return len(found) == _PAGE

    def _events(self, found: list[Happening]) -> list[OutgoingEvent]:
        now, patterns = self._clock(), self._receiver.events
        wanted = [one for one in found if matches(name_of(one.kind), patterns)]
        return [event_for(self._receiver.key, one, now) for one in wanted]

    async def send_due(self) -> bool:
        """Send the first events of incidents; False where none is due now. Raises StorageUnavailable, LostLease."""
        async with self._database.read() as connection:
            events = await deliveries.due(connection, self._receiver.key, self._clock(), AT_ONCE)
        if not events or not self._may():
            return False
        ended = await asyncio.gather(*map(self._attempt, events), return_exceptions=True)
        for error in ended:  # only now: what goes on beside would be sent twice at a time
            if isinstance(error, BaseException):
                raise error
        return True

    async def _attempt(self, event: OutgoingEvent) -> None:
        try:
            await self._send(event)
        except TandemError as error:
            await self._failed(event, error)
        else:
            await self._taken(event)

    @begun_anew
    async def _taken(self, event: OutgoingEvent) -> None:
        async with self._database.write() as connection:
            await deliveries.taken(connection, event)
        OUTGOING_EVENTS.labels("taken").inc()

    @begun_anew
    async def _failed(self, event: OutgoingEvent, error: TandemError) -> None:
        now = self._clock()
        retry_after = error.retry_after if isinstance(error, ToolFailure) else None
        after = after_failure(event, now, str(error), retry_after)
        async with self._database.write() as connection:
            await deliveries.save(connection, after)
            if after.state is EventState.DEAD:
                await deliveries.forget(connection, event.receiver, now - _REMEMBERED)
        what = {"receiver": self._receiver.shown, "name": event.name, "reason": str(error)}
        if after.state is EventState.DEAD:
            OUTGOING_EVENTS.labels("given up").inc()
            log.error("outgoing.given_up", advice="`tandem outgoing replay` tries it anew", **what)
            return
        OUTGOING_EVENTS.labels("again").inc()
        log.warning("outgoing.failed", retry_in=(after.next_at - now).total_seconds(), **what)
