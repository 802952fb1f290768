"""Lists, a page at a time, so that neither side holds a large one at once.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from bot.kubernetes.cluster import Cluster, Request, decoded
from bot.kubernetes.errors import ClusterGone, ClusterRefused
from bot.kubernetes.resources import Where

PAGE = 500
_Item = TypeVar("_Item")


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, Generic[_Item], frozen=True):
    """``items`` may be null, as Go writes an empty list."""

    metadata: ListMeta = ListMeta()
    items: list[_Item] | None = None


async def pages(
    cluster: Cluster, where: Where, shape: type[_Item], query: Mapping[str, str] | None = None, size: int = PAGE
) -> AsyncIterator[Page[_Item]]:
    """Every page of a list. Raises ClusterFailure, ClusterRefused; ClusterGone where its version is no longer kept."""
    token = ""
    while True:
        asked = {**(query or {}), "limit": str(size), **({"continue": token} if token else {})}
        try:
            body = await cluster.call(Request("list", where, asked, timeout=60))
        except ClusterRefused as refused:
            if refused.status == 410:
                raise ClusterGone(str(refused)) from refused
            raise
        page = await decoded(body, Page[shape])  # type: ignore[valid-type]
        yield page
        token = page.metadata.continue_
        if not token:
            return


async def all_of(
    cluster: Cluster, where: Where, query: Mapping[str, str] | None = None
) -> AsyncIterator[dict[str, Any]]:
    async for page in pages(cluster, where, dict[str, Any], query):
        for thing in page.items or []:
            yield thing
