"""Announces in the channel every silence that was made, or ended early: once each, in order, also after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from tenacity import RetryCallState

from bot.incidents.reach import reach_of
from bot.notify.backoff import POLL, until_taken
from bot.notify.card import SilenceCard
from bot.notify.channel import Channel, ContentRefused, MessageRefused, silence_mark
from bot.storage.database import Database
from bot.storage.queries import silences
from bot.storage.queries.deeds import silence_notices
from bot.storage.queries.deeds.silence_notices import SilenceNotice

INTERVAL = 1.0

log = structlog.get_logger(__name__)


class SilenceNotices:
    """What was noted with a silence (:mod:`bot.storage.queries.deeds.silence_notices`), into one channel."""

    def __init__(
        self,
        database: Database,
        channel: Channel,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database, self._channel, self._clock, self._sleep = database, channel, clock, sleep

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            announced = await until_taken(self.announce_next, self._sleep, _note_failure)
            await self._sleep(INTERVAL if announced else POLL)

    async def announce_next(self) -> bool:
        """Announce one; False where there is none. Raises ChannelFailure, StorageUnavailable."""
        async with self._database.read() as connection:
            notice = await silence_notices.oldest(connection)
        if notice is None:
            return False
        if not await self._stands(notice):
            await self._post(notice)
        async with self._database.write() as connection:
            await silence_notices.done(connection, notice.id)
        return True

    async def _stands(self, notice: SilenceNotice) -> bool:
        """Whether one that was being posted when its replica ended is in the channel."""
        since = notice.posting_since
        return since is not None and await anext(self._channel.find(silence_mark(notice.id), since), None) is not None

    async def _post(self, notice: SilenceNotice) -> None:
        card = await self._card(notice)
        if card is None:
            return
        async with self._database.write() as connection:
            await silence_notices.begin_posting(connection, notice.id, self._clock())
        try:
            await self._channel.post(card, silence_mark(notice.id))
        except (ContentRefused, MessageRefused) as refused:
            log.error("channel.content_refused", silence=notice.silence_id, reason=str(refused))

    async def _card(self, notice: SilenceNotice) -> SilenceCard | None:
        async with self._database.read() as connection:
            silence = (await silences.by_ids(connection, [notice.silence_id])).get(notice.silence_id)
        if silence is None:
            return None
        reach = None if notice.ended else await reach_of(self._database, silence.matchers, notice.at)
        return SilenceCard(
            id=silence.id,
            ended=notice.ended,
            matchers=" ".join(map(str, silence.matchers)),
            ends_at=silence.ends_at,
            by=notice.actor,
            comment=silence.comment,
            holds_back=reach.in_words() if reach else "",
        )


def _note_failure(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("silence_notices.retry", reason=str(error), retry_in=state.upcoming_sleep)
