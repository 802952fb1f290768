"""What a channel knows of routes: by which names they lead to it, and whom they mention."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.routing.mention import OnCall
from bot.storage.queries.routing import Place

OnCallNow = Callable[[str], Awaitable[Sequence[str]]]
"""The ids of who is on call now in a schedule."""


async def nobody(_schedule: str) -> Sequence[str]:
    return ()


@dataclass
class Routed:
    """``names`` are those of this channel, as tandem.yaml writes them: by its name and by its id, it is one channel.
    ``keys`` are the keys of all channels whose names have been looked up. ``adopts``: it takes over what the release
    before has written, which knew one channel."""

    names: set[str]
    keys: Mapping[str, str] = field(default_factory=dict)
    on_call: OnCallNow = nobody
    adopts: bool = True

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
