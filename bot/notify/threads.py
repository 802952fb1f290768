"""Brings the thread of one incident up to date: replies with what happened since the last reply."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.notify.card import ThreadUpdate
from bot.notify.channel import ContentRefused, Mark, MessageGone, MessageRefused, RateLimited, thread_mark
from bot.notify.charts.uploads import MAX_CHARTS
from bot.notify.outlet import SETTLE, Outlet
from bot.notify.thread import MAX_BEGAN, MAX_ENTRIES, thread_update
from bot.storage.queries import alerts, charts, incidents
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage

AGAIN = timedelta(minutes=10)
"""What got worse in the same way so shortly before is not broadcast again: something wavers."""

log = structlog.get_logger(__name__)


Entries = Sequence[tuple[int, TimelineEntry]]


class Threads:
    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    async def publish(self, incident_id: str) -> None:
        """Post what the thread does not show yet, together. A marker is committed first, as for a message.

        Raises ChannelFailure, MessageRefused, ContentRefused (for the simplest form too), StorageUnavailable.
        """
        await self._outlet.paced()
        key = await self._outlet.channel.key()
        async with self._outlet.database.read() as connection:
            message = await channel_messages.of_incident(connection, incident_id, key)
            incident = await incidents.by_id(connection, incident_id)
            new = await _lacking(connection, message)
            places = (await self._outlet.places(connection, [incident]))[incident_id] if incident else []
            recent = await _lately_worse(connection, message, new)
            known = (await alerts.of_incidents(connection, [incident_id], MAX_BEGAN))[incident_id]
        if incident is None or message.ts is None or not new:
            return
        if not message.threaded and not self._outlet.leads_here(places):  # it is told where its route leads now
            await self._published(message, new[-1][0])
            return
        if message.thread_posting is not None:
            if await self._stands(message.ts, incident_id, message.thread_posting):
                await self._published(message, message.thread_posting)
                return
            await self._outlet.paced()
            new = [(position, entry) for position, entry in new if position <= message.thread_posting]
        entries, broadcast = _together(new, message.posted_position, recent)
        position = entries[-1][0]
        if not message.threaded and not broadcast:
            await self._published(message, position)
            return
        marked = msgspec.structs.replace(message, thread_posting=position)
        await self._outlet.save(marked)
        shown = [entry for _, entry in entries]
        first = message.thread_position == 0
        began = [one for one in known if first or _began_in(one, shown)] if message.threaded else []
        update = thread_update(shown, began, broadcast, known)
        if broadcast and incident.open:
            update = replace(update, mentioned=tuple(await self._outlet.whom(places, incident)))
        try:
            await self._reply(message.ts, update, thread_mark(incident_id, position))
        except MessageGone:
            log.warning("channel.thread_gone", incident=incident.number)
        except (ContentRefused, MessageRefused, RateLimited):  # the channel's own word that it was not posted
            await self._outlet.save(msgspec.structs.replace(marked, thread_posting=None))
            raise
        await self._published(message, position)

    async def _reply(self, ts: str, update: ThreadUpdate, mark: Mark) -> None:
        try:
            await self._outlet.channel.reply(ts, update, mark)
        except ContentRefused as refused:
            log.error("channel.content_refused", mark=mark.facts, reason=str(refused))
            await self._outlet.paced()
            await self._outlet.channel.reply(ts, update, mark, plain=True)

    async def _stands(self, ts: str, incident_id: str, position: int) -> bool:
        """Whether a reply that was being posted when its replica ended is in the thread."""
        await self._outlet.sleep(SETTLE)
        return await anext(self._outlet.channel.find(thread_mark(incident_id, position), thread=ts), None) is not None

    async def _published(self, message: ChannelMessage, position: int) -> None:
        """Charts come after what the thread says of their alerts; :mod:`bot.notify.charts.uploads` brings them."""
        published = msgspec.structs.replace(message, thread_position=position, thread_posting=None)
        async with self._outlet.database.write() as connection:
            await channel_messages.save(connection, published)
            await charts.want(connection, message.incident_id, MAX_CHARTS, self._outlet.clock())


def _began_in(alert: Alert, shown: Sequence[TimelineEntry]) -> bool:
    """Whether one of these entries says that the alert fires: both have the moment at which it was worked through."""
    moments = {entry.at for entry in shown if entry.kind in (TimelineKind.OPENED, TimelineKind.ALERTS)}
    return alert.firing and bool(alert.changes) and alert.changes[-1] in moments


async def _lacking(connection: AsyncConnection, message: ChannelMessage) -> Entries:
    """What a thread does not show yet: where the incident has its thread in another channel, only what got worse."""
    if message.threaded:
        after = message.thread_position
        return await incidents.not_in_thread(connection, message.incident_id, after=after, limit=MAX_ENTRIES)
    after = max(message.thread_position, message.posted_position)
    return await incidents.not_in_thread(connection, message.incident_id, after=after, limit=MAX_ENTRIES, worse=True)


async def _lately_worse(connection: AsyncConnection, message: ChannelMessage, new: Entries) -> set[str]:
    """What the thread has broadcast lately."""
    if not any(entry.worse for _, entry in new):
        return set()
    since = min(entry.at for _, entry in new) - AGAIN
    return await incidents.worse_texts(connection, message.incident_id, since, message.thread_position)


def _together(new: Entries, posted: int, recent: set[str]) -> tuple[Entries, bool]:
    """The first entries that go into one reply, and whether the channel shows it, too: either all of them, or none."""

    def broadcast(position: int, entry: TimelineEntry) -> bool:
        new_and_worse = entry.worse and entry.text not in recent
        return position > posted and (new_and_worse or entry.broadcast)

    first = broadcast(*new[0])
    return list(takewhile(lambda one: broadcast(*one) == first, new)), first
