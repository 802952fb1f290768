"""Brings what was found out about incidents into their threads: one reply each, edited in place, also after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from tenacity import RetryCallState

from bot.domain.review.investigation import Investigation
from bot.notify.backoff import rest, until_taken
from bot.notify.channel import Channel, ContentRefused, MessageGone, MessageRefused, findings_mark
from bot.notify.findings.findings_card import card_of
from bot.storage.database import Database
from bot.storage.queries.records import investigations
from bot.storage.queries.records.investigations import Unshown

SELDOM, INTERVAL = 60.0, 1.0

log = structlog.get_logger(__name__)


class FindingReplies:
    """Of one channel, one at a time, beside the notifier: no message of an incident waits for it.

    ``wanted`` is set when there may be some; then it looks seldom otherwise.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wanted: asyncio.Event | None = None,
    ) -> None:
        self._database, self._channel, self._clock, self._sleep = database, channel, clock, sleep
        self._wanted = wanted

    async def run(self) -> None:
        """Post and edit until cancelled."""
        while True:
            if await until_taken(self.show_next, self._sleep, _note_failure):
                await self._sleep(INTERVAL)
            else:
                await rest(self._wanted, SELDOM, self._sleep)

    async def show_next(self) -> bool:
        """Bring one thread up to date; False where all are. Raises ChannelFailure, StorageUnavailable."""
        key = await self._channel.key()
        async with self._database.read() as connection:
            found = await investigations.next_unshown(connection, key)
        if found is None:
            return False
        one = found.investigation
        reply = one.reply if one.channel == key else None
        if one.findings or reply:
            reply = await self._shown(found, reply)
        async with self._database.write() as connection:
            await investigations.shown(connection, one, key, reply)
        return True

    async def _shown(self, found: Unshown, reply: str | None) -> str | None:
        """The reply that shows them; None where the thread takes none."""
        one, mark = found.investigation, findings_mark(found.investigation.incident_id)
        try:
            if reply is None and one.posting_since is not None:
                standing = await anext(self._channel.find(mark, thread=found.message), None)
                reply = standing.id if standing else None
            if reply is not None:
                await self._channel.update(reply, card_of(one), mark)
                return reply
            return await self._posted(found.message, one)
        except (ContentRefused, MessageRefused, MessageGone) as refused:
            log.error("channel.findings_refused", incident=one.incident_id, reason=str(refused))
            return None

    async def _posted(self, message: str, one: Investigation) -> str:
        """A marker is committed before the call whose answer may be lost."""
        async with self._database.write() as connection:
            await investigations.begin_posting(connection, one.incident_id, self._clock())
        return (await self._channel.reply(message, card_of(one), findings_mark(one.incident_id))).id


def _note_failure(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("findings.retry", reason=str(error), retry_in=state.upcoming_sleep)
