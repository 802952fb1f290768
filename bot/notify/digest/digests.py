"""The digest of a channel: one message about the new incidents without one of their own, edited in place."""

from collections.abc import Callable, Collection
from datetime import datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.notify.budget.plan import Wish
from bot.notify.card import DigestCard, DigestLine
from bot.notify.channel import Call, ContentRefused, MessageGone, MessageRefused, RateLimited, digest_mark
from bot.notify.digest.admission import Admission
from bot.notify.digest.pace import AT_ONCE, Pace
from bot.notify.digest.ranking import Standing
from bot.notify.incident_card import title_of
from bot.notify.outlet import SETTLE, Outlet
from bot.notify.setbacks import Item
from bot.storage.collisions import begun_anew
from bot.storage.queries.shown import digests
from bot.storage.queries.shown.channel_messages import Closed
from bot.storage.queries.shown.digests import Digest

NAMED = 10
EDITED_EVERY = 5.0
"""Least number of seconds between two edits of a digest."""

log = structlog.get_logger(__name__)


class Digests:
    """``flood``: there is a digest now; None while that is not known yet."""

    def __init__(self, outlet: Outlet, timer: Callable[[], float], described: Collection[str]) -> None:
        self._outlet, self._timer = outlet, timer
        self._pace = Pace(timer)
        self._admission = Admission(outlet, self._pace, described)
        self._shown: DigestCard | None = None
        self._edit_from = 0.0
        self._promoted: dict[str, Standing] = {}
        self.flood: bool | None = None

    def may_admit(self, out_of_date: int) -> bool:
        """``out_of_date`` is how many incidents the channel does not show as they are."""
        return self.flood is not False or out_of_date > AT_ONCE or not (self._pace.room or not out_of_date)

    async def admit(self, key: str) -> None:
        """See whether there is a flood, and what is in it. Raises StorageUnavailable."""
        self.flood = await self._admission.admit(key)

    async def next(
        self, connection: AsyncConnection, key: str, closed: Closed, put_off: Collection[str]
    ) -> Wish | None:
        """An incident that gets a message of its own now, or the digest; ``put_off`` are digests not to be tried."""
        if not self.flood:
            return None
        found = None
        if not closed.post:
            allowed = self._pace.allowed()
            found = await digests.next_to_post(connection, key, allowed, closed.messages, find=not closed.find)
        if (
            (found is None or found[1] < Standing.KNOWN)
            and key not in put_off
            and (call := await self._due(connection, closed, key))
        ):
            return Wish(Item("digest", key), call, self._timer())
        if found is None:
            return None
        self._promoted = {found[0]: Standing(found[1])}
        return Wish(Item("message", found[0]), "post", self._timer())

    def posted(self, incident_id: str) -> None:
        """A new incident got its message, by its rank in the digest or without a flood."""
        self._pace.posted(self._promoted.pop(incident_id, Standing.UNKNOWN))

    async def _due(self, connection: AsyncConnection, closed: Closed, key: str) -> Call | None:
        """By which call it is to be brought up to date; None where it is not to be now."""
        digest = await digests.of_channel(connection, key)
        if digest is None:
            return None
        if digest.ts is None:
            return "post" if not closed.post and not (digest.posting_since and closed.find) else None
        if closed.update or self._timer() < self._edit_from:
            return None
        card = await self._card(connection, digest)
        return "update" if card != self._shown or card.waiting == 0 else None

    async def publish(self, key: str) -> None:
        """Raises ChannelFailure, MessageRefused, ContentRefused (for the simplest form too), StorageUnavailable."""
        async with self._outlet.database.read() as connection:
            digest = await digests.of_channel(connection, key)
            card = await self._card(connection, digest) if digest else None
        if digest is None or card is None:
            return
        if digest.ts is None and digest.posting_since is not None:
            digest = await self._found(digest, digest.posting_since)
        if digest.ts is not None or card.waiting or card.resolved:
            digest = await self._published(digest, card)
        self._edit_from = self._timer() + EDITED_EVERY
        await self._save(digest, over=card.waiting == 0)

    async def _published(self, digest: Digest, card: DigestCard) -> Digest:
        mark = digest_mark(digest.since)
        try:
            if digest.ts is None:
                digest = await self._post(digest, card)
            else:
                await self._outlet.paced()
                try:
                    await self._outlet.channel.update(digest.ts, card, mark)
                except ContentRefused:
                    await self._outlet.paced()
                    await self._outlet.channel.update(digest.ts, card, mark, plain=True)
        except MessageGone as gone:
            log.warning("channel.message_gone", digest=digest.since.isoformat(), reason=str(gone))
            return msgspec.structs.replace(digest, ts=None, posting_since=None)
        self._shown = card
        return digest

    async def _post(self, digest: Digest, card: DigestCard) -> Digest:
        """The moment is committed first: if the answer is lost, we look for our message."""
        mark = digest_mark(digest.since)
        await self._save(msgspec.structs.replace(digest, posting_since=self._outlet.clock()))
        await self._outlet.paced()
        try:
            try:
                posted = await self._outlet.channel.post(card, mark)
            except ContentRefused:
                await self._outlet.paced()
                posted = await self._outlet.channel.post(card, mark, plain=True)
        except (ContentRefused, MessageRefused, RateLimited):  # the channel's own word that it was not posted
            await self._save(msgspec.structs.replace(digest, posting_since=None))
            raise
        return msgspec.structs.replace(digest, ts=posted.id, posting_since=None)

    async def _found(self, digest: Digest, since: datetime) -> Digest:
        """Look for a digest that was being posted when its replica ended."""
        await self._outlet.sleep(max(SETTLE - (self._outlet.clock() - since).total_seconds(), 0.0))
        await self._outlet.paced()
        found = await anext(self._outlet.channel.find(digest_mark(digest.since), since), None)
        return msgspec.structs.replace(digest, ts=found.id if found else None, posting_since=None)

    async def _card(self, connection: AsyncConnection, digest: Digest) -> DigestCard:
        waiting, first = await digests.listed(connection, digest.channel, NAMED)
        return DigestCard(
            since=digest.since,
            waiting=waiting,
            resolved=digest.resolved,
            posted=digest.total - waiting - digest.resolved,
            first=tuple(DigestLine(one.number, title_of(one), one.severity) for one in first),
        )

    @begun_anew
    async def _save(self, digest: Digest, over: bool = False) -> None:
        async with self._outlet.database.write() as connection:
            if over:
                await digests.close(connection, digest.channel)
            else:
                await digests.save(connection, digest)
