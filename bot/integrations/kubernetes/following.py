"""Follows one collection of a cluster: a list by pages, then a watch from there on, for ever.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes

A watch that the server closes goes on from the last version, at most once a second; where that is no longer kept (410),
the collection is listed anew. What the role may not read is said with the verb that it lacks, and tried again later.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from bot.kubernetes.cluster import Cluster, Request
from bot.kubernetes.errors import ClusterFailure, ClusterGone, ClusterRefused
from bot.kubernetes.objects import Meta
from bot.kubernetes.pages import pages
from bot.kubernetes.resources import Where
from bot.observability.metrics import KUBERNETES_WATCH_UP

WATCH_FOR = 300
_IDLE = WATCH_FOR + 60.0
_LEAST = 1.0
"""Seconds between the beginnings of two watches: a server that closes them at once is not stormed."""
_REFUSED_FOR = 300.0
_LONGEST_BACKOFF = 60.0
_RELIST = 60.0
"""How often a collection is listed that may be listed, and not watched."""
_ITEMS_AT_ONCE = 200

log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_Kept_contra = TypeVar("_Kept_contra", contravariant=True)


class Happened(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Keeper(Protocol[_Kept_contra]):
    """What is done with the objects of a collection."""

    def begin(self) -> None:
        """A list begins: what is not in it is gone."""

    def listed(self, thing: _Kept_contra) -> None: ...

    async def end(self) -> None:
        """The list is complete."""

    async def happened(self, what: Happened, thing: _Kept_contra) -> None: ...


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Marked(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()
    code: int = 0
    message: str = ""


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_mark = msgspec.json.Decoder(_Marked).decode


class Follower(Generic[_T]):
    def __init__(
        self,
        cluster: Cluster,
        where: Where,
        shape: type[_T],
        keeper: Keeper[_T],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster, self._where, self._shape, self._keeper = cluster, where, shape, keeper
        self._decode = msgspec.json.Decoder(shape).decode
        self._sleep = sleep
        self._labels = (where.resource.plural, where.namespace)
        self._version = ""
        self._failures = 0
        self._refused = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except ClusterGone as gone:
                log.info("kubernetes.listed_anew", what=self._where.text, reason=str(gone))
                self._version = ""
                await self._rest(None)
            except ClusterFailure as failure:
                self._set_up(0)
                log.warning("kubernetes.retry", what=self._where.text, reason=str(failure))
                await self._rest(failure.retry_after)
            except ClusterRefused as refused:
                await self._refuse(refused)

    async def _follow(self) -> None:
        if not self._version:
            await self._list()
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._set_up(1)
        await self._watch()
        left = _LEAST - (loop.time() - began)
        if left > 0:
            await self._sleep(left)

    async def _list(self) -> None:
        self._keeper.begin()
        version, count = "", 0
        async for page in pages(self._cluster, self._where, self._shape):
            version = page.metadata.resource_version or version
            for thing in page.items or []:
                self._keeper.listed(thing)
                count += 1
                if count % _ITEMS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        await self._keeper.end()
        self._version, self._failures = version, 0
        if self._refused:
            log.info("kubernetes.allowed", what=self._where.text)
            self._refused = ""

    async def _watch(self) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(WATCH_FOR),
        }
        request = Request("watch", self._where, query, idle=_IDLE)
        try:
            async with aclosing(self._cluster.lines(request)) as lines:
                async for line in lines:
                    await self._take(line)
                    self._failures = 0
        except ClusterRefused as refused:
            if refused.status != 403:
                raise
            self._say(refused)  # what may be listed is listed again and again
            self._version = ""
            await self._sleep(_RELIST)

    async def _take(self, line: bytes) -> None:
        try:
            event = _decode_event(line)
            if event.type == "ERROR":
                status = _decode_mark(event.object)
                if status.code == 410:
                    raise ClusterGone(status.message)
                raise ClusterFailure(f"status {status.code}: {status.message}")
            version = _decode_mark(event.object).metadata.resource_version
            thing = None if event.type == "BOOKMARK" else self._decode(event.object)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ClusterFailure(f"an event of the watch cannot be read: {error}") from error
        if thing is not None and event.type in Happened.__members__:
            await self._keeper.happened(Happened(event.type), thing)
        self._version = version or self._version

    async def _rest(self, retry_after: float | None) -> None:
        """Longer after each failure in a row, and not all at the same moment."""
        self._failures += 1
        backoff = min(2.0 ** min(self._failures - 1, 10), _LONGEST_BACKOFF)
        await self._sleep(max(retry_after or 0.0, backoff * random.uniform(0.5, 1.0)))

    async def _refuse(self, refused: ClusterRefused) -> None:
        """Of what the cluster does not have (404: no such kind is installed) nothing is said."""
        if refused.status == 404:
            with suppress(KeyError):
                KUBERNETES_WATCH_UP.remove(*self._labels)
        else:
            self._set_up(0)
            self._say(refused)
        self._version = ""
        await self._sleep(_REFUSED_FOR)

    def _set_up(self, up: int) -> None:
        KUBERNETES_WATCH_UP.labels(*self._labels).set(up)

    def _say(self, refused: ClusterRefused) -> None:
        if str(refused) != self._refused:
            self._refused = str(refused)
            log.error("kubernetes.refused", what=self._where.text, reason=str(refused))
