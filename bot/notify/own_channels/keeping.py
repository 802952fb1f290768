"""Makes the channel that an incident asked for, invites whom it concerns, shows it there, and archives it at the end.

It is level-triggered: each look does what is still to be done, and finds what a look before it did before a crash.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog

from bot.domain.access.person import is_user
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.errors import StorageUnavailable, TandemError
from bot.notify.backoff import is_worth_a_line
from bot.notify.card import Elsewhere, IncidentCard, ShownIn
from bot.notify.channel import (
    Channel,
    ChannelFailure,
    ChannelRefusal,
    ContentRefused,
    MessageGone,
    MessageRefused,
    incident_mark,
)
from bot.notify.incident_card import card_of
from bot.notify.view import IncidentView, load_view
from bot.storage.database import Database
from bot.storage.queries import audit, incidents
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import own_channels
from bot.storage.queries.deeds.own_channels import OwnChannel, OwnState
from bot.storage.queries.shown import channel_messages

ARCHIVED_AFTER = timedelta(hours=24)
"""How long an incident has to be over: it may reopen, and people still write."""
MOST_INVITED = 100
_POLL, _REST, _LONGEST_WAIT = 60.0, 2.0, 60.0
_AT_ONCE = 200
_CLOSED = ("channel_not_found", "not_in_channel", "is_archived")

log = structlog.get_logger(__name__)


class NotMade(TandemError):
    """A channel cannot be made until a person changes something; the message says what."""


class Conversations(Protocol):
    """What channels are made with. All raise ChannelFailure where it may work later."""

    async def create(self, name: str, since: datetime) -> tuple[str, str]:
        """A channel of this name, or with a number behind it where the name is taken: its id and its name.

        One that we made since then is not made again. Raises NotMade.
        """
        ...

    async def invite(self, channel: str, people: Collection[str]) -> None:
        """Whoever can be invited is. Raises MessageGone where the channel is archived or gone."""
        ...

    async def archive(self, channel: str) -> None:
        """It may be archived or gone already."""
        ...


OnCall = Callable[[Incident], Awaitable[Sequence[str]]]
Open = Callable[[str], Channel]


class OwnChannels:
    """``on_call`` gives who is on call for an incident, ``open`` the channel of an id."""

    def __init__(
        self,
        database: Database,
        conversations: Conversations,
        open: Open,
        on_call: OnCall,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database, self._conversations, self._open, self._on_call = database, conversations, open, on_call
        self._clock, self._sleep = clock, sleep
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What cannot be done now delays no other channel."""
        failures, everything = 0, True
        while True:
            failed = await self._looked(everything)
            if failed:
                failures += 1
                if is_worth_a_line(failures):
                    log.warning("channels.not_kept", reason=str(failed))
                asked = getattr(failed, "retry_after", None)
                await self._sleep(asked or min(_REST * 2.0 ** min(failures, 10), _LONGEST_WAIT))
                continue
            failures = 0
            await self._sleep(_REST)
            everything = not await self._is_woken_within(_POLL)

    async def _looked(self, everything: bool) -> ChannelFailure | StorageUnavailable | None:
        try:
            return await self.look(everything)
        except StorageUnavailable as error:
            return error

    async def _is_woken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def look(self, everything: bool = True) -> ChannelFailure | None:
        """Do what is to be done now; the first failure, after all else was tried. Raises StorageUnavailable.

        Without ``everything`` only for incidents that have changed: who is on call may change by time alone.
        """
        async with self._database.read() as connection:
            waiting = await own_channels.live(connection, _AT_ONCE)
            known = await incidents.by_ids(connection, [own.incident_id for own in waiting])
        failed: ChannelFailure | None = None
        for own in waiting:
            incident = known.get(own.incident_id)
            shown = own.state is OwnState.MADE and incident is not None and own.shown_version >= incident.version
            if shown and not everything:
                continue
            try:
                await self._keep(own)
            except ChannelFailure as error:
                failed = failed or error
                if error.retry_after:
                    break
        return failed

    async def _keep(self, own: OwnChannel) -> None:
        async with self._database.read() as connection:
            view = await load_view(connection, own.incident_id, self._clock())
        if view is None:
            return
        if own.state is OwnState.WANTED and not view.incident.open:
            await self._end(own, OwnState.REFUSED, "the incident is over", view.incident)
            return
        if own.state is OwnState.WANTED:
            made = await self._make(own, view.incident)
            if made is None:
                return
            own = made
        if not view.incident.open and self._is_over(view.incident):
            await self._archive(own, view.incident)
            return
        try:
            await self._invite(own, view.incident)
            await self._show(own, view)
        except (MessageGone, ChannelRefusal) as gone:
            if isinstance(gone, ChannelRefusal) and not str(gone).endswith(_CLOSED):
                raise
            # somebody archived it, or let the bot leave it
            await self._end(own, OwnState.ARCHIVED, str(gone), view.incident)

    def _is_over(self, incident: Incident) -> bool:
        return incident.resolved_at is not None and self._clock() - incident.resolved_at >= ARCHIVED_AFTER

    async def _make(self, own: OwnChannel, incident: Incident) -> OwnChannel | None:
        try:
            channel, name = await self._conversations.create(own.name, own.asked_at)
        except NotMade as why:
            text = f"No channel was made: {why}"
            await self._end(own, OwnState.REFUSED, str(why), incident, text)
            return None
        await self._end(own, OwnState.MADE, "", incident, f"Has a channel of its own: #{name}", channel, name)
        async with self._database.read() as connection:
            return await own_channels.of_incident(connection, own.incident_id)

    async def _end(
        self,
        own: OwnChannel,
        state: OwnState,
        reason: str,
        incident: Incident,
        text: str = "",
        channel: str = "",
        name: str = "",
    ) -> None:
        """Write down how it stands now, for people who look at the incident, too."""
        now = self._clock()
        changed: dict[str, Any] = {"state": state.value, "reason": reason, "changed_at": now}
        changed |= {"channel": channel, "name": name} if channel else {}
        details = {"channel": channel or own.channel, "name": name or own.name, "reason": reason}
        entry = AuditEntry(now, "tandem", f"incident.channel.{state}", f"incident {incident.id}", details)
        async with self._database.write() as connection:
            await own_channels.keep(connection, own, **changed)
            if text:
                line = TimelineEntry(incident_id=incident.id, at=now, kind=TimelineKind.STATUS, text=text)
                await incidents.add_to_timeline(connection, [line])
            await incidents.touch(connection, incident.id, now)
            await audit.append(connection, entry)

    async def _archive(self, own: OwnChannel, incident: Incident) -> None:
        await self._conversations.archive(own.channel)
        await self._end(own, OwnState.ARCHIVED, "the incident is over", incident)

    async def _invite(self, own: OwnChannel, incident: Incident) -> None:
        """The owner, who has a role, who is on call, and who did something; each once."""
        async with self._database.read() as connection:
            timeline = [entry for _, entry in await incidents.timeline_of(connection, incident.id)]
        acted = [entry.actor for entry in timeline if entry.actor] + [one.person for one in timeline if one.person]
        on_call = await self._on_call(incident) if incident.open else []
        concerned = [own.asked_by, incident.owner, incident.lead, incident.scribe, *on_call, *acted]
        people = [one for one in dict.fromkeys(concerned) if one and is_user(one) and one not in own.invited]
        people = people[: max(MOST_INVITED - len(own.invited), 0)]
        if not people:
            return
        await self._conversations.invite(own.channel, people)
        async with self._database.write() as connection:
            await own_channels.keep(connection, own, invited=[*own.invited, *people])

    async def _show(self, own: OwnChannel, view: IncidentView) -> None:
        """The incident's message, with its buttons, edited in place."""
        if own.ts and own.shown_version >= view.incident.version:
            return
        channel, mark = self._open(own.channel), incident_mark(view.incident.id)
        card = await self._card(view, channel)
        ts = own.ts or await self._found(own, channel)
        try:
            if ts:
                await channel.update(ts, card, mark)
            else:
                async with self._database.write() as connection:
                    await own_channels.keep(connection, own, posting_since=self._clock())
                ts = (await channel.post(card, mark)).id
        except (ContentRefused, MessageRefused) as refused:
            log.error("channel.content_refused", incident=view.incident.number, reason=str(refused))
        async with self._database.write() as connection:
            await own_channels.keep(connection, own, ts=ts, shown_version=view.incident.version)

    async def _found(self, own: OwnChannel, channel: Channel) -> str:
        """The message that was being posted when its replica ended."""
        if own.posting_since is None:
            return ""
        found = await anext(channel.find(incident_mark(own.incident_id), own.posting_since), None)
        return found.id if found else ""

    async def _card(self, view: IncidentView, channel: Channel) -> IncidentCard:
        """It says where the incident's thread is."""
        async with self._database.read() as connection:
            places = await channel_messages.places_of(connection, [view.incident.id])
        where = places.get(view.incident.id)
        if where is None:
            return card_of(view)
        url = await channel.address(where[1], where[0])
        elsewhere = Elsewhere(shown=(ShownIn(where[0], url, True),))
        return card_of(msgspec.structs.replace(view, elsewhere=elsewhere))
