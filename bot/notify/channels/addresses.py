"""The addresses of messages in other channels, each asked for once."""

from bot.notify.channel import Channel, ChannelFailure

_MOST = 2000


class Addresses:
    """A link is worth no delay: where another channel refuses or does not answer, there is none this time."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._known: dict[tuple[str, str], str] = {}

    async def of(self, channel: str, message: str) -> str:
        """Where a browser shows a message; empty where that is not known. ``channel`` is the other channel's key."""
        place = channel, message
        if place not in self._known:
            try:
                address = await self._channel.address(message, channel)
            except ChannelFailure:
                return ""
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[place] = address
        return self._known[place]
