"""What each check of a monitor said: the history of a model, as long as its rows are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import row_of, table_of
from bot.storage.tables.models import ModelCheckRow

_CHECK = table_of(ModelCheckRow)
MOST_SUMMARY = 1000


class CheckState(StrEnum):
    """``unchecked``: the check could not be made; ``failed``: that is somebody's fault."""

    OK = "ok"
    FIRING = "firing"
    UNCHECKED = "unchecked"
    FAILED = "failed"


class MadeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Of so many ``rows``, compared with the reference ``version``."""

    model: str
    domain: str
    monitor: str
    at: datetime
    state: CheckState
    rows: int
    version: str
    summary: str
    model_version: str = ""
    """That of the rows, where the monitor judges versions apart."""


class CheckFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given must hold; ``domains`` is None where any will do. ``below`` is where the page begins."""

    model: str
    monitor: str | None = None
    since: datetime | None = None
    domains: Collection[str] | None = None
    below: int | None = None


async def add(connection: AsyncConnection, made: Sequence[MadeCheck]) -> None:
    if made:
        await connection.execute(insert(_CHECK), [row_of(one) for one in made])


async def listed(connection: AsyncConnection, wanted: CheckFilter, limit: int) -> list[tuple[int, MadeCheck]]:
    """The newest first, each with its place."""
    query = select(_CHECK).where(_CHECK.c.model == wanted.model).order_by(_CHECK.c.id.desc()).limit(limit)
    if wanted.monitor is not None:
        query = query.where(_CHECK.c.monitor == wanted.monitor)
    if wanted.since is not None:
        query = query.where(_CHECK.c.at >= wanted.since)
    if wanted.domains is not None:
        query = query.where(_CHECK.c.domain.in_(sorted(wanted.domains)))
    if wanted.below is not None:
        query = query.where(_CHECK.c.id < wanted.below)
    rows = (await connection.execute(query)).mappings()
    return [(row["id"], msgspec.convert(dict(row), MadeCheck)) for row in rows]


async def remove_before(connection: AsyncConnection, moment: datetime) -> None:
    await connection.execute(delete(_CHECK).where(_CHECK.c.at < moment))
