"""How far the rows of models were read from databases."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.models import ModelPullRow

_PULL = table_of(ModelPullRow)
Value = datetime | int | float | str
"""Of a column that grows."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Rows or statistics that may have been taken in: the frame ``digest``. ``after`` and ``seen`` hold once they are.

    Of statistics ``rows`` is how many they are of, from ``first`` to ``last``.
    """

    digest: str
    after: dict[str, Any]
    seen: "Seen | None" = None
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The frame of the ids that are known of rows behind ``floor``, which is written like a cursor's value."""

    digest: str
    floor: dict[str, Any]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """``after`` is the greatest value that was read. ``until`` is set while rows up to it may have been taken in: then
    just these are read again, and what was taken in already is known by its content.

    ``firing`` are the alerts about the pull by name, each with the moment at which it began and what it says.
    ``columns`` are the kinds of the columns that the query usually gives.
    """

    key: str
    model: str
    after: dict[str, Any] | None = None
    until: dict[str, Any] | None = None
    at: datetime
    failure: str = ""
    pending: Pending | None = None
    seen: Seen | None = None
    columns: dict[str, str] | None = None
    firing: dict[str, "Firing"] | None = None
    data: dict[str, Any] | None = None


class Firing(msgspec.Struct, frozen=True):
    """An alert about a pull."""

    since: datetime
    says: str


def written(value: Value) -> dict[str, Any]:
    """A value as it is kept, with its type."""
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    return {"value": value}


def read(kept: dict[str, Any] | None) -> Value | None:
    """
    >>> read(written(7)), read(None)
    (7, None)
    """
    if kept is None:
        return None
    return datetime.fromisoformat(kept["moment"]) if "moment" in kept else kept["value"]


async def progress_of(connection: AsyncConnection, key: str) -> Progress | None:
    row = (await connection.execute(select(_PULL).where(_PULL.c.key == key))).mappings().first()
    return msgspec.convert(dict(row), Progress) if row else None


async def frames_in_use(connection: AsyncConnection) -> set[str]:
    """The digests of the frames that pulls still need."""
    known = await all_progress(connection)
    return {one.digest for progress in known for one in (progress.pending, progress.seen) if one is not None}


async def all_progress(connection: AsyncConnection) -> list[Progress]:
    rows = await connection.execute(select(_PULL).order_by(_PULL.c.model, _PULL.c.key))
    return [msgspec.convert(dict(row), Progress) for row in rows.mappings()]


async def versions_read(
    connection: AsyncConnection, model: str, seen: Callable[[dict[str, Any]], bool] = lambda _read: True
) -> list[dict[str, Any]]:
    """The versions of datasets that the pulls of a model read last: as a DataVersion, with ``since`` and ``labels``,
    which are null where a reference was read. Of what one dataset was read for, the last that is ``seen``."""
    rows = await connection.execute(select(_PULL.c.data).where(_PULL.c.model == model).order_by(_PULL.c.at))
    found = {name: version for (data,) in rows for name, version in (data or {}).items() if seen(version)}
    return [found[name] for name in sorted(found)]


async def save(connection: AsyncConnection, progress: Progress) -> None:
    kept = {name: msgspec.to_builtins(getattr(progress, name)) for name in ("pending", "seen", "firing")}
    await upsert(connection, _PULL, [row_of(progress) | kept])
