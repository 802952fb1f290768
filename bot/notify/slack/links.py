"""Where a browser shows messages of ours, for answers that link to them."""

import asyncio
from collections.abc import Mapping

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

WITHIN = 2.0
_MOST = 2000


class Links:
    """Addresses of messages, which never change; bounded in memory."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str], str] = {}

    async def of(self, messages: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """For each name the address of its message, given as channel and ts; without those that are not known now."""
        found = await asyncio.gather(*(self._one(*message) for message in messages.values()))
        return {name: url for name, url in zip(messages, found, strict=True) if url}

    async def _one(self, channel: str, ts: str) -> str:
        if (channel, ts) not in self._known:
            try:
                async with asyncio.timeout(WITHIN):
                    answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
                    url = str(answer.get("permalink") or "")
            except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError):
                return ""
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[channel, ts] = url
        return self._known[channel, ts]
