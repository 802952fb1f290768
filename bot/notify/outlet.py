"""A channel with what it takes to write to it: the database, the time, and no more calls than it bears."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.incident import Incident
from bot.notify.channel import Channel
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage

SETTLE = 3.0
"""A call that nobody waits for any more, because its replica is gone, may take so many seconds to show its effect."""

ChannelsOf = Callable[[Incident], Sequence[str]]
"""The names of the channels that an incident is shown in. The first has the thread."""


@dataclass
class Outlet:
    """``interval`` is the least number of seconds between two calls."""

    database: Database
    channel: Channel
    channels_of: ChannelsOf
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    interval: float
    _next_call: float = field(default=0.0, init=False)

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
