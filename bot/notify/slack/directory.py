"""The ids of a workspace's channels, by name: looked up together, as Slack lists them all and lets few such calls pass.

https://docs.slack.dev/reference/methods/conversations.list
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from weakref import WeakKeyDictionary

from slack_sdk.web.async_client import AsyncWebClient

Pages = Callable[[], AsyncIterator[dict[str, str]]]
"""The names that Slack lists, each with its id, a page at a time."""
_MOST = 20_000


_KEPT = 60.0
"""Seconds: channels are renamed."""


class Directory:
    """What was seen on the way to one channel is known when another one is looked up soon after."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._since = 0.0
        self._looking = asyncio.Lock()

    async def find(self, name: str, pages: Pages) -> str | None:
        """A channel's id; None where Slack lists none of that name. Raises what ``pages`` does."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now - self._since > _KEPT:
                self._ids, self._since = {}, now
            if name not in self._ids:
                async for page in pages():
                    if len(self._ids) < _MOST or name in page:
                        self._ids |= page
                    if name in page:
                        break
            return self._ids.get(name)


_directories: WeakKeyDictionary[AsyncWebClient, Directory] = WeakKeyDictionary()


def directory_of(client: AsyncWebClient) -> Directory:
    return _directories.setdefault(client, Directory())
