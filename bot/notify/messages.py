"""Brings the message of one incident in one channel up to date: posts it, or edits it in place."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
import structlog

from bot.inbox.backlog import Backlog
from bot.notify.card import Elsewhere, ShownIn
from bot.notify.channel import ContentRefused, MessageGone, MessageRefused, RateLimited, incident_mark
from bot.notify.channels.addresses import Addresses
from bot.notify.duplicate_posts import DuplicatePosts
from bot.notify.incident_card import card_of
from bot.notify.outlet import SETTLE, Outlet
from bot.notify.view import IncidentView, load_view
from bot.storage.collisions import begun_anew
from bot.storage.queries import incidents, routing
from bot.storage.queries.routing import Place
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage

log = structlog.get_logger(__name__)


class Messages:
    def __init__(self, outlet: Outlet, duplicates: DuplicatePosts, backlog: Backlog | None) -> None:
        self._outlet, self._duplicates, self._backlog = outlet, duplicates, backlog
        self._addresses = Addresses(outlet.channel)

    async def show(self, incident_id: str) -> bool:
        """Whether it was posted, for the first time.

        Raises ChannelFailure, MessageRefused, ContentRefused (for the simplest form too), StorageUnavailable.
        """
        key = await self._outlet.channel.key()
        async with self._outlet.database.read() as connection:
            message = await channel_messages.of_incident(connection, incident_id, key)
            incident = await incidents.by_id(connection, incident_id)
            places = (await self._outlet.places(connection, [incident]))[incident_id] if incident else []
        if incident is None:
            return False
        if not self._belongs(places, message):
            await self._outlet.save(msgspec.structs.replace(message, shown_version=incident.version))
            return False
        if message.ts is None and message.posting_since is not None:
            message = await self._found(message, message.posting_since)
        await self._outlet.paced()
        if message.ts is not None and not message.threaded and self._outlet.begins_here(places):
            message = await self._marked(message, places)
        view = await self._view(incident_id, message, places)
        if view is None:
            return False
        shown = await self._shown(view, message, places)
        if message.ts is None and shown.ts is not None:
            await self._save_new(shown)
            return True
        await self._outlet.save(shown)
        return False

    def _belongs(self, places: Collection[Place], message: ChannelMessage) -> bool:
        """What was posted once is kept up to date, also where another channel has become the right one."""
        posted = message.ts is not None or message.posting_since is not None
        return posted or self._outlet.leads_here(places)

    @begun_anew
    async def _marked(self, message: ChannelMessage, places: Collection[Place]) -> ChannelMessage:
        """Saved, with the thread if that belongs here: it is in the first channel, stays where it is when another one
        becomes the first, and follows when the incident leaves that channel."""
        async with self._outlet.database.write() as connection:
            threaded = message.threaded
            if not threaded and self._outlet.begins_here(places):
                holder = await channel_messages.thread_channel(connection, message.incident_id)
                threaded = holder is None or self._outlet.is_left(holder, places)
            marked = msgspec.structs.replace(message, threaded=threaded)
            await channel_messages.save(connection, marked)
            if threaded and not message.threaded:
                await channel_messages.take_thread(connection, message.incident_id, message.channel)
        return marked

    @begun_anew
    async def _save_new(self, message: ChannelMessage) -> None:
        """Of an incident that other channels show, too: their messages then link to this one."""
        async with self._outlet.database.write() as connection:
            if len(await channel_messages.in_channels(connection, message.incident_id)) > 0:
                version = await routing.show_anew(connection, message.incident_id)
                if version == message.shown_version + 1:  # this one has the links already
                    message = msgspec.structs.replace(message, shown_version=version)
            await channel_messages.save(connection, message)

    async def _found(self, message: ChannelMessage, since: datetime) -> ChannelMessage:
        """Look for a message that was being posted when its replica ended."""
        await self._outlet.sleep(max(SETTLE - (self._outlet.clock() - since).total_seconds(), 0.0))
        await self._outlet.paced()
        found = await anext(self._outlet.channel.find(incident_mark(message.incident_id), since), None)
        if found is None:
            self._duplicates.expect(message.incident_id, since)
        mentioned = message.mentioned if found else None
        ts = found.id if found else None
        return msgspec.structs.replace(message, ts=ts, posting_since=None, mentioned=mentioned)

    async def _view(self, incident_id: str, message: ChannelMessage, places: Collection[Place]) -> IncidentView | None:
        async with self._outlet.database.read() as connection:
            view = await load_view(connection, incident_id, self._outlet.clock())
            others = await channel_messages.in_channels(connection, incident_id)
        if view is not None and view.part_of is not None:
            view = msgspec.structs.replace(view, part_of_url=await self._address_of(view.part_of.id))
        if view is not None:
            first = message.ts is None and message.mentioned is None
            mentioned = await self._outlet.whom(places, view.incident) if first else message.mentioned or []
            elsewhere = await self._elsewhere(message, places, others)
            on_call = await self._outlet.on_call(view.incident.escalation, places)
            if message.ts is None:  # what a new message names, it calls: an edit does not
                on_call = [one for one in on_call if one in mentioned]
            view = msgspec.structs.replace(view, elsewhere=elsewhere, mentioned=mentioned, on_call=on_call)
        if view is None or self._backlog is None:
            return view
        return msgspec.structs.replace(view, behind=self._backlog.behind(view.incident.domain))

    async def _elsewhere(
        self, message: ChannelMessage, places: Collection[Place], messages: Sequence[ChannelMessage]
    ) -> Elsewhere:
        """Where else the incident is shown; one that has left this channel is shown where its route leads now."""
        others = [one for one in messages if one.channel != message.channel]
        left = self._outlet.routed is not None and not self._outlet.leads_here(places)
        shown = [
            ShownIn(one.channel, await self._addresses.of(one.channel, one.ts or ""), one.threaded)
            for one in others
            if not self._outlet.is_left(one.channel, places) or one.threaded
        ]
        named = [ShownIn(place.channel, "", False) for place in places if place.current] if left else []
        return Elsewhere(left, tuple(shown or named))

    async def _address_of(self, incident_id: str) -> str:
        """Where this channel shows an incident; empty where it does not."""
        key = await self._outlet.channel.key()
        async with self._outlet.database.read() as connection:
            message = await channel_messages.of_incident(connection, incident_id, key)
        return await self._outlet.channel.address(message.ts) if message.ts else ""

    async def _shown(self, view: IncidentView, message: ChannelMessage, places: Collection[Place]) -> ChannelMessage:
        try:
            if message.ts is None:
                message = await self._post(view, message, places)
            else:
                await self._update(view, message.ts)
        except MessageGone as gone:
            log.warning("channel.message_gone", incident=view.incident.number, reason=str(gone))
            key, threaded = message.channel, message.threaded
            return ChannelMessage(incident_id=message.incident_id, channel=key, threaded=threaded, mentioned=[])
        return msgspec.structs.replace(
            message,
            shown_version=view.incident.version,
            posting_since=None,
            shown_behind=view.warns_behind,
            digest_rank=None,
            digest_standing=0,
        )

    async def _post(self, view: IncidentView, message: ChannelMessage, places: Collection[Place]) -> ChannelMessage:
        """Post for the first time. The marker is committed first: if the answer is lost, we look for our message."""
        marking = msgspec.structs.replace(
            message,
            posting_since=self._outlet.clock(),
            posted_position=view.position,
            mentioned=view.mentioned,
        )
        marked = await self._marked(marking, places)
        card, mark = card_of(view), incident_mark(view.incident.id)
        try:
            try:
                posted = await self._outlet.channel.post(card, mark)
            except ContentRefused as refused:
                log.error("channel.content_refused", incident=view.incident.number, reason=str(refused))
                await self._outlet.paced()
                posted = await self._outlet.channel.post(card, mark, plain=True)
        except (ContentRefused, MessageRefused, RateLimited):  # the channel's own word that it was not posted
            await self._outlet.save(msgspec.structs.replace(marked, posting_since=None, mentioned=message.mentioned))
            raise
        return msgspec.structs.replace(marked, ts=posted.id)

    async def _update(self, view: IncidentView, ts: str) -> None:
        card, mark = card_of(view), incident_mark(view.incident.id)
        try:
            await self._outlet.channel.update(ts, card, mark)
        except ContentRefused as refused:
            log.error("channel.content_refused", incident=view.incident.number, reason=str(refused))
            await self._outlet.paced()
            await self._outlet.channel.update(ts, card, mark, plain=True)
