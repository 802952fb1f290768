"""Brings the message of one incident in one channel up to date: posts it, or edits it in place."""

from datetime import datetime

import msgspec
import structlog

from bot.domain.incident import Incident
from bot.inbox.backlog import Backlog
from bot.notify.channel import ContentRefused, MessageGone, MessageRefused, RateLimited, incident_mark
from bot.notify.duplicate_posts import DuplicatePosts
from bot.notify.incident_card import card_of
from bot.notify.outlet import SETTLE, Outlet
from bot.notify.view import IncidentView, load_view
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage

log = structlog.get_logger(__name__)


class Messages:
    def __init__(self, outlet: Outlet, duplicates: DuplicatePosts, backlog: Backlog | None) -> None:
        self._outlet, self._duplicates, self._backlog = outlet, duplicates, backlog

    async def show(self, incident_id: str) -> bool:
        """Whether it was posted, for the first time.

        Raises ChannelFailure, MessageRefused, ContentRefused (for the simplest form too), StorageUnavailable.
        """
        key = await self._outlet.channel.key()
        async with self._outlet.database.read() as connection:
            message = await channel_messages.of_incident(connection, incident_id, key)
            incident = await incidents.by_id(connection, incident_id)
        if incident is None:
            return False
        if not self._belongs(incident, message):
            await self._outlet.save(msgspec.structs.replace(message, shown_version=incident.version))
            return False
        if message.ts is None and message.posting_since is not None:
            message = await self._found(message, message.posting_since)
        await self._outlet.paced()
        view = await self._view(incident_id)
        if view is None:
            return False
        shown = await self._shown(view, message)
        await self._outlet.save(shown)
        return message.ts is None and shown.ts is not None

    def _belongs(self, incident: Incident, message: ChannelMessage) -> bool:
        """What was posted once is kept up to date, also where another channel has become the right one."""
        posted = message.ts is not None or message.posting_since is not None
        return posted or self._outlet.channel.name in self._outlet.channels_of(incident)

    async def _found(self, message: ChannelMessage, since: datetime) -> ChannelMessage:
        """Look for a message that was being posted when its replica ended."""
        await self._outlet.sleep(max(SETTLE - (self._outlet.clock() - since).total_seconds(), 0.0))
        await self._outlet.paced()
        found = await anext(self._outlet.channel.find(incident_mark(message.incident_id), since), None)
        if found is None:
            self._duplicates.expect(message.incident_id, since)
        return msgspec.structs.replace(message, ts=found.id if found else None, posting_since=None)

    async def _view(self, incident_id: str) -> IncidentView | None:
        async with self._outlet.database.read() as connection:
            view = await load_view(connection, incident_id, self._outlet.clock())
        if view is not None and view.part_of is not None:
            view = msgspec.structs.replace(view, part_of_url=await self._address_of(view.part_of.id))
        if view is None or self._backlog is None:
            return view
        return msgspec.structs.replace(view, behind=self._backlog.behind(view.incident.domain))

    async def _address_of(self, incident_id: str) -> str:
        """Where this channel shows an incident; empty where it does not."""
        key = await self._outlet.channel.key()
        async with self._outlet.database.read() as connection:
            message = await channel_messages.of_incident(connection, incident_id, key)
        return await self._outlet.channel.address(message.ts) if message.ts else ""

    async def _shown(self, view: IncidentView, message: ChannelMessage) -> ChannelMessage:
        try:
            if message.ts is None:
                message = await self._post(view, message)
            else:
                await self._update(view, message.ts)
        except MessageGone as gone:
            log.warning("channel.message_gone", incident=view.incident.number, reason=str(gone))
            key, threaded = message.channel, message.threaded
            return ChannelMessage(incident_id=message.incident_id, channel=key, threaded=threaded)
        return msgspec.structs.replace(
            message,
            shown_version=view.incident.version,
            posting_since=None,
            shown_behind=view.warns_behind,
            digest_rank=None,
            digest_standing=0,
        )

    async def _post(self, view: IncidentView, message: ChannelMessage) -> ChannelMessage:
        """Post for the first time. The marker is committed first: if the answer is lost, we look for our message."""
        marked = await self._marked(view, message)
        card, mark = card_of(view), incident_mark(view.incident.id)
        try:
            try:
                posted = await self._outlet.channel.post(card, mark)
            except ContentRefused as refused:
                log.error("channel.content_refused", incident=view.incident.number, reason=str(refused))
                await self._outlet.paced()
                posted = await self._outlet.channel.post(card, mark, plain=True)
        except (ContentRefused, MessageRefused, RateLimited):  # the channel's own word that it was not posted
            await self._outlet.save(msgspec.structs.replace(marked, posting_since=None))
            raise
        return msgspec.structs.replace(marked, ts=posted.id)

    async def _marked(self, view: IncidentView, message: ChannelMessage) -> ChannelMessage:
        """The thread is in the first channel, and stays where it is when another one becomes the first."""
        incident = view.incident
        first = next(iter(self._outlet.channels_of(incident)), None) == self._outlet.channel.name
        async with self._outlet.database.write() as connection:
            threaded = message.threaded or (first and not await channel_messages.has_thread(connection, incident.id))
            marked = msgspec.structs.replace(
                message, posting_since=self._outlet.clock(), threaded=threaded, posted_position=view.position
            )
            await channel_messages.save(connection, marked)
        return marked

    async def _update(self, view: IncidentView, ts: str) -> None:
        card, mark = card_of(view), incident_mark(view.incident.id)
        try:
            await self._outlet.channel.update(ts, card, mark)
        except ContentRefused as refused:
            log.error("channel.content_refused", incident=view.incident.number, reason=str(refused))
            await self._outlet.paced()
            await self._outlet.channel.update(ts, card, mark, plain=True)
