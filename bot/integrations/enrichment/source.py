"""One system that is asked over HTTP, and one request to it: bounded in time and size, and to no address it may not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec
from yarl import URL

from bot.domain.enrichment import Lookup
from bot.domain.enrichment.derived import text_of
from bot.domain.enrichment.lookups import Key
from bot.domain.enrichment.places import filled
from bot.domain.mapping import search
from bot.errors import TandemError
from bot.integrations.outgoing.guard import check_destination, open_guarded

AT_ONCE = 8
_MOST_BYTES = 2**16
_KNOWS_NOTHING = (204, 404, 410)


class NoAnswer(TandemError):
    """It did not answer, or with what is no answer; the message holds nothing of the request but its host."""


@dataclass
class Source:
    """``headers`` gives those of its own, and may raise TandemError where a secret is missing."""

    lookup: Lookup
    allow_private: bool
    headers: Callable[[], Mapping[str, str]]
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def ask(self, key: Key) -> dict[str, str]:
        """The labels that it knows; empty where it answers that it knows nothing. Raises TandemError."""
        url = filled(self.lookup.url, dict(zip(self.lookup.on, key, strict=True)))
        if not self.allow_private:
            await check_destination(url)
        try:
            return self._labels(await self._get(url))
        except TimeoutError as error:
            raise NoAnswer(f"{self.lookup.name} does not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:  # its words may hold the address and the headers
            raise NoAnswer(f"{self.lookup.name} cannot be reached: {type(error).__name__}") from None

    async def _get(self, url: str) -> bytes:
        if self._session is None:
            self._session = open_guarded(url, self.allow_private, AT_ONCE)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self.headers()}
        timeout = aiohttp.ClientTimeout(total=self.lookup.timeout.total_seconds())
        async with self._session.get(
            URL(url, encoded=True), headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            if response.status in _KNOWS_NOTHING:
                return b"{}"
            if response.status != 200:
                raise NoAnswer(f"{self.lookup.name} answers with status {response.status}")
            return await self._bounded(response)

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_MOST_BYTES):
            body += chunk
            if len(body) > _MOST_BYTES:
                raise NoAnswer(f"{self.lookup.name} answers with more than {_MOST_BYTES // 1024} KiB")
        return bytes(body)

    def _labels(self, body: bytes) -> dict[str, str]:
        try:
            found = msgspec.json.decode(body)
            return {label: text_of(search(path, found)) for label, path in self.lookup.fields.items()}
        except (ValueError, RecursionError) as error:
            raise NoAnswer(f"{self.lookup.name} answers with what is no JSON, or of another form") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
