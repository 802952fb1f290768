"""What a channel knows of routes: by which names they lead to it, and whom they mention."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.routing.mention import OnCall
from bot.notify.budget.budget import Budget
from bot.notify.budget.lags import Lags
from bot.notify.channels.reach import Reach
from bot.notify.rate_limits import RateLimits
from bot.storage.queries.routing import Place

SELDOM = 10.0
"""Seconds between two looks of a channel that nobody has woken."""
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
    ``limits``, ``budget``, ``lags`` and ``reach`` are shared by the channels of one workspace.
    ``seldom`` is after how many seconds it looks when nobody has woken it: with many channels each looks less often."""

    names: set[str]
    keys: dict[str, str] = field(default_factory=dict)
    on_call: OnCallNow = nobody
    adopts: bool = True
    schedules: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limits: RateLimits | None = None
    budget: Budget | None = None
    lags: Lags | None = None
    reach: Reach | None = None
    seldom: Callable[[], float] = lambda: SELDOM
    _asked: dict[str, tuple[float, Sequence[str]]] = field(default_factory=dict, init=False)

    def keys_of(self, places: Collection[Place]) -> set[str]:
        """The keys of the channels that an incident is shown in now."""
        return {self.keys[place.channel] for place in places if place.current and place.channel in self.keys}

    def known_as(self, key: str) -> None:
        """The names of this channel lead to another one now: somebody archived it, and gave its name to a new one."""
        self.keys |= dict.fromkeys(self.names & self.keys.keys(), key)

    async def ids_of(self, places: Collection[Place], team: str | None = None) -> list[str]:
        """Who is mentioned, each once; of those of an incident of this team whom a mention reaches."""
        found: dict[str, None] = {}
        for mention in (mention for place in places for mention in place.mention):
            ids = await self.on_call(mention.schedule) if isinstance(mention, OnCall) else [mention]
            found |= dict.fromkeys(ids)
        return list(found) if self.reach is None else await self.reach.present(list(found), team)

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
