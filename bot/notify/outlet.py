"""A channel with what it takes to write to it: the database, the time, and no more calls than it bears."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.routing.quiet import quiet_until
from bot.notify.channel import Channel
from bot.notify.channels.routed import Routed
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents, routing
from bot.storage.queries.routing import Place
from bot.storage.queries.shown import channel_messages, quiet
from bot.storage.queries.shown.channel_messages import ChannelMessage, Names

SETTLE = 3.0
"""A call that nobody waits for any more, because its replica is gone, may take so many seconds to show its effect."""

ChannelsOf = Callable[[Incident], Sequence[str]]
"""The names of the channels that an incident is shown in. The first has the thread."""


@dataclass
class Outlet:
    """``interval`` is the least number of seconds between two calls. ``routed`` says which incidents lead here; without
    it, ``channels_of`` does."""

    database: Database
    channel: Channel
    channels_of: ChannelsOf
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    interval: float
    routed: Routed | None = None
    _next_call: float = field(default=0.0, init=False)

    @property
    def names(self) -> Names:
        """By which routes know this channel; None where all incidents are looked at."""
        return self.routed.names if self.routed else None

    async def places(self, connection: AsyncConnection, incidents: Collection[Incident]) -> dict[str, list[Place]]:
        """The channels of each incident, the first with the thread, and after them those that it has left."""
        if self.routed is not None:
            return await routing.places_of(connection, [one.id for one in incidents])
        return {one.id: [Place(name) for name in self.channels_of(one)] for one in incidents}

    def leads_here(self, places: Collection[Place]) -> bool:
        return any(place.current and self._is_here(place) for place in places)

    def begins_here(self, places: Collection[Place]) -> bool:
        """Whether this is the first of the channels."""
        first = next((place for place in places if place.current), None)
        return first is not None and self._is_here(first)

    def _is_here(self, place: Place) -> bool:
        return place.channel in (self.routed.names if self.routed else (self.channel.name,))

    def is_left(self, key: str, places: Collection[Place]) -> bool:
        """Whether the incident has left the channel of this key."""
        return self.routed is not None and key not in self.routed.keys_of(places)

    async def whom(self, places: Collection[Place], incident: Incident) -> list[str]:
        """The ids of who is mentioned here."""
        here = await self._awake([place for place in places if place.current and self._is_here(place)], incident)
        return await self.routed.ids_of(here, incident.team) if self.routed else []

    async def _awake(self, here: Sequence[Place], incident: Incident) -> list[Place]:
        """Those in which somebody may be mentioned now; in quiet hours the digest at their end is left to do so."""
        now = self.clock()
        ends = [quiet_until(place.quiet, incident.severity, now) for place in here]
        until = min((end for end in ends if end is not None), default=None)
        if until is not None:
            await self._leave_to_digest(incident.id, until)
        return [place for place, end in zip(here, ends, strict=True) if end is None]

    @begun_anew
    async def _leave_to_digest(self, incident_id: str, until: datetime) -> None:
        key = await self.channel.key()
        text = f"Quiet hours until {until:%H:%M} UTC: nobody is called, the digest then names it"
        note = TimelineEntry(incident_id=incident_id, at=self.clock(), kind=TimelineKind.NOTE, text=text)
        async with self.database.write() as connection:
            if await quiet.hold(connection, key, until, incident_id):
                await incidents.add_to_timeline(connection, [note])

    async def on_call(self, escalation: str | None, places: Collection[Place]) -> list[str]:
        """The ids of who is on call now for an incident."""
        current = [place for place in places if place.current]
        return await self.routed.on_call_for(escalation, current) if self.routed else []

    async def paced(self) -> None:
        """Wait until the next call may be made."""
        loop = asyncio.get_running_loop()
        wait = self._next_call - loop.time()
        if wait > 0:
            await self.sleep(wait)
        self._next_call = max(loop.time(), self._next_call) + self.interval

    @begun_anew
    async def save(self, message: ChannelMessage) -> None:
        async with self.database.write() as connection:
            await channel_messages.save(connection, message)
