"""Calls that go through Slack: a mention in the incident's channel, a direct message, a line in the ops channel.

The first call may find its incident not shown yet, as the channel was away: it waits for the message, so that whoever
is mentioned finds what they are called to.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog

from bot.domain.incident import Incident
from bot.domain.oncall.page import Act, Page
from bot.errors import CallFailed, CallRefused
from bot.notify.card import Button
from bot.notify.channel import (
    Channel,
    ChannelFailure,
    ChannelRefusal,
    ContentRefused,
    MessageGone,
    MessageRefused,
    RateLimited,
    page_mark,
)
from bot.notify.outlet import SETTLE
from bot.notify.paging.page_card import PageCard
from bot.storage.database import Database
from bot.storage.queries.shown import channel_messages

log = structlog.get_logger(__name__)

UNSHOWN_FOR = timedelta(minutes=1)
"""An incident that waits in a digest for so long gets its mention all the same."""
_SOON = 1.0

Absent = Callable[[Sequence[str]], Awaitable[dict[str, str]]]
"""Whom a mention does not reach, and why."""


class SlackPages:
    """``open_at`` opens a channel by address, ``open_direct`` the conversation with one person; ``absent`` says whom a
    mention does not reach."""

    def __init__(
        self,
        database: Database,
        open_at: Callable[[str], Channel],
        open_direct: Callable[[str], Awaitable[Channel]],
        clock: Callable[[], datetime],
        absent: Absent,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database, self._open_at, self._open_direct = database, open_at, open_direct
        self._clock, self._absent, self._sleep = clock, absent, sleep

    async def mention(self, page: Page, incident: Incident) -> None:
        """A reply under the incident's message that the channel shows, too. Raises CallFailed, CallRefused."""
        async with _as_call():
            people, notes = await self._present(page)
            card = _card(page, incident, people, notes)
            place = await self._place(page, incident)
            channel = self._open_at(place[0])
            if not (await self._opened_with(page, place[0], people) or await self._stands(channel, page, place[1])):
                await self._reply(channel, place[1], card, page)

    async def direct(self, page: Page, incident: Incident) -> None:
        """Raises CallFailed, CallRefused."""
        async with _as_call():
            people, notes = await self._present(page)
            channel = await self._open_direct(people[0])
            if not await self._may_stand(channel, page):
                await _posted(channel, _card(page, incident, (), notes, await self._address(incident)), page)

    def into(self, address: str) -> Callable[[Page, Incident], Awaitable[None]]:
        """What says in the ops channel whom a call did not reach."""

        async def say(page: Page, incident: Incident) -> None:
            async with _as_call():
                channel = self._open_at(address)
                if not await self._stands(channel, page, None):
                    first, *notes = page.text.split("\n")
                    url = await self._address(incident)
                    card = PageCard(incident.number, incident.title, incident.severity, (), first, tuple(notes), url)
                    await _posted(channel, card, page)

        return say

    async def _present(self, page: Page) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those whom it reaches, and what has to be said of the others. Raises CallRefused where there is nobody."""
        absent = await self._absent(page.people) if page.people else {}
        people = tuple(who for who in page.people if who not in absent)
        notes = tuple(f"{who} {why}" for who, why in absent.items())
        if page.people and not people:
            raise CallRefused("; ".join(notes))
        return people, notes

    async def _place(self, page: Page, incident: Incident) -> tuple[str, str | None]:
        """Channel and message of the incident; without a message where it waits in a digest for long."""
        async with self._database.read() as connection:
            place = (await channel_messages.places_of(connection, [incident.id])).get(incident.id)
            digest = await channel_messages.digest_of(connection, incident.id) if place is None else None
        if place is not None:
            return place
        if digest is not None and self._clock() - page.made_at > UNSHOWN_FOR:
            return digest, None
        raise CallFailed("the incident is not shown yet", _SOON, in_doubt=False)

    async def _opened_with(self, page: Page, channel: str, people: Sequence[str]) -> bool:
        """Whether the incident's message has mentioned them all itself, by its route: the first step is done then."""
        if (page.act, page.cycle, page.round, page.step) != (Act.TRIGGER, 1, 0, 0):
            return False
        async with self._database.read() as connection:
            message = await channel_messages.of_incident(connection, page.incident_id, channel)
        return set(people) <= set(message.mentioned or ())

    async def _stands(self, channel: Channel, page: Page, thread: str | None) -> bool:
        """Whether a message that was being posted when its replica ended, or whose answer was lost, is there."""
        if page.sending_since is None:
            return False
        await self._sleep(max(SETTLE - (self._clock() - page.sending_since).total_seconds(), 0.0))
        since = page.sending_since
        return await anext(channel.find(page_mark(page.key), since, thread), None) is not None

    async def _may_stand(self, channel: Channel, page: Page) -> bool:
        """An app that was installed without ``im:history`` cannot look: rather twice than never."""
        try:
            return await self._stands(channel, page, None)
        except ChannelRefusal as refusal:
            log.warning("escalations.cannot_look", reason=str(refusal))
            return False

    async def _reply(self, channel: Channel, message: str | None, card: PageCard, page: Page) -> None:
        if message is None:
            await _posted(channel, card, page)
            return
        try:
            try:
                await channel.reply(message, card, page_mark(page.key))
            except ContentRefused:
                await channel.reply(message, card, page_mark(page.key), plain=True)
        except MessageGone:
            await _posted(channel, card, page)

    async def _address(self, incident: Incident) -> str:
        async with self._database.read() as connection:
            place = (await channel_messages.places_of(connection, [incident.id])).get(incident.id)
        return await self._open_at(place[0]).address(place[1]) if place else ""


def _card(page: Page, incident: Incident, people: Sequence[str], notes: Sequence[str], url: str = "") -> PageCard:
    first, *more = page.text.split("\n")
    acknowledge = [Button("incident.ack", "Acknowledge", incident.id, "primary")] if page.act is Act.TRIGGER else []
    return PageCard(
        number=incident.number,
        title=incident.title,
        severity=incident.severity,
        people=tuple(people),
        text=first,
        notes=(*more, *notes),
        url=url,
        buttons=(*acknowledge, Button("incident.seen", "I'm looking", incident.id)),
    )


async def _posted(channel: Channel, content: PageCard, page: Page) -> None:
    try:
        await channel.post(content, page_mark(page.key))
    except ContentRefused:
        await channel.post(content, page_mark(page.key), plain=True)


@asynccontextmanager
async def _as_call() -> AsyncIterator[None]:
    """The channel's errors as those of a call."""
    try:
        yield
    except RateLimited as limited:
        raise CallFailed(str(limited), limited.wait, in_doubt=False) from limited
    except (ChannelRefusal, MessageRefused, ContentRefused) as refusal:
        raise CallRefused(str(refusal)) from refusal
    except ChannelFailure as failure:
        raise CallFailed(str(failure), failure.retry_after) from failure
