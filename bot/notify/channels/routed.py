"""What a channel knows of routes: by which names they lead to it, and whom they mention."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.routing.mention import OnCall
from bot.notify.budget.budget import Budget
from bot.notify.budget.lags import Lags
from bot.notify.rate_limits import RateLimits
from bot.storage.queries.routing import Place

LATELY = 60.0
"""For so many seconds it is not asked again who is on call."""
OnCallNow = Callable[[str], Awaitable[Sequence[str]]]
"""The ids of who is on call now in a schedule."""


async def nobody(_schedule: str) -> Sequence[str]:
    return ()


@dataclass
class Routed:
    """``names`` are those of this channel, as tandem.yaml writes them: by its name and by its id, it is one channel.
    ``keys`` are the keys of all channels whose names have been looked up. ``adopts``: it takes over what the release
    before has written, which knew one channel. ``schedules`` are those that an escalation calls, by its name.
    ``limits``, ``budget`` and ``lags`` are shared by the channels of one workspace."""

    names: set[str]
    keys: Mapping[str, str] = field(default_factory=dict)
    on_call: OnCallNow = nobody
    adopts: bool = True
    schedules: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limits: RateLimits | None = None
    budget: Budget | None = None
    lags: Lags | None = None
    _asked: dict[str, tuple[float, Sequence[str]]] = field(default_factory=dict, init=False)

    def keys_of(self, places: Collection[Place]) -> set[str]:
        """The keys of the channels that an incident is shown in now."""
        return {self.keys[place.channel] for place in places if place.current and place.channel in self.keys}

    async def ids_of(self, places: Collection[Place]) -> list[str]:
        """Who is mentioned, each once."""
        found: dict[str, None] = {}
        for mention in (mention for place in places for mention in place.mention):
            ids = await self.on_call(mention.schedule) if isinstance(mention, OnCall) else [mention]
            found |= dict.fromkeys(ids)
        return list(found)

    async def on_call_for(self, escalation: str | None, places: Collection[Place]) -> list[str]:
        """Who is on call now for an incident: in the schedules that its channels mention and its escalation calls."""
        wanted = [one.schedule for place in places for one in place.mention if isinstance(one, OnCall)]
        wanted += self.schedules.get(escalation or "", ())
        found: dict[str, None] = {}
        for schedule in dict.fromkeys(wanted):
            found |= dict.fromkeys(await self._lately(schedule))
        return list(found)

    async def _lately(self, schedule: str) -> Sequence[str]:
        """Who is on call, as of the last minute: messages are edited more often than shifts change."""
        now = asyncio.get_running_loop().time()
        asked, ids = self._asked.get(schedule, (float("-inf"), ()))
        if now < asked + LATELY:
            return ids
        ids = await self.on_call(schedule)
        self._asked[schedule] = (now, ids)
        return ids
