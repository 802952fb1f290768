"""What each check of a monitor said: the history of a model, as long as its rows are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.watched.figures import ColumnLook, Measured
from bot.storage.database import row_of, table_of, upsert
from bot.storage.tables.models import ModelCheckRow, ModelStandingRow

_CHECK, _STANDING = table_of(ModelCheckRow), table_of(ModelStandingRow)
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
    measured: Measured | None = None


class Standing(MadeCheck, frozen=True, kw_only=True):
    """The last check of a monitor, with what it saw of the columns."""

    looks: list[ColumnLook] | None = None


class CheckFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given must hold; ``domains`` is None where any will do. ``below`` is where the page begins."""

    model: str
    monitor: str | None = None
    since: datetime | None = None
    domains: Collection[str] | None = None
    below: int | None = None


async def add(connection: AsyncConnection, made: Sequence[Standing]) -> None:
    """Write checks down, and the last of each monitor as where it stands."""
    if not made:
        return
    columns = [column.name for column in _CHECK.columns if column.name != "id"]
    rows = [row_of(one) for one in made]
    await connection.execute(insert(_CHECK), [{name: row[name] for name in columns} for row in rows])
    last = {(one.model, one.domain, one.monitor, one.model_version): row for one, row in zip(made, rows, strict=True)}
    columns = [column.name for column in _STANDING.columns]
    standing = [{name: row[name] for name in columns} for row in last.values()]
    saw = [row for row in standing if row["looks"] is not None]
    blind = [row for row in standing if row["looks"] is None]  # what was seen last is still worth a look
    await upsert(connection, _STANDING, saw)
    await upsert(connection, _STANDING, blind, keep=["looks"])


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


async def standings(
    connection: AsyncConnection, models: Collection[str], domains: Collection[str] | None = None, *, looks: bool = False
) -> list[Standing]:
    """Where the monitors of these models stand; of these domains where they are given."""
    columns = [column for column in _STANDING.columns if looks or column.name != "looks"]
    query = select(*columns).order_by(*_STANDING.primary_key.columns).where(_STANDING.c.model.in_(sorted(models)))
    if domains is not None:
        query = query.where(_STANDING.c.domain.in_(sorted(domains)))
    return [msgspec.convert(dict(row), Standing) for row in (await connection.execute(query)).mappings()]


async def remove_before(connection: AsyncConnection, moment: datetime) -> None:
    for table in (_CHECK, _STANDING):
        await connection.execute(delete(table).where(table.c.at < moment))
