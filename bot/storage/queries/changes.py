"""Changes, found by service and time."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import Change
from bot.domain.event import ChangeKind
from bot.storage.database import row_of, table_of
from bot.storage.prepared import any_of, fetch_dicts
from bot.storage.tables.core import ChangeRow

_CHANGE = table_of(ChangeRow)
_LIMIT = 100
_BETWEEN = (
    select(_CHANGE)
    .where(_CHANGE.c.domain.in_(any_of("domains")), _CHANGE.c.service.in_(any_of("services")))
    .where(_CHANGE.c.at.between(bindparam("since"), bindparam("until")))
    .order_by(_CHANGE.c.at.desc(), _CHANGE.c.id)
    .limit(_LIMIT)
)


async def save(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Write changes; what is known already keeps its first moment, also where deliveries overtook each other."""
    if not changes:
        return
    insert = postgresql.insert(_CHANGE) if connection.dialect.name == "postgresql" else sqlite.insert(_CHANGE)
    later = insert.excluded.at >= _CHANGE.c.at
    updated = {
        name: case((later, insert.excluded[name]), else_=_CHANGE.c[name]) for name in ("title", "version", "link")
    }
    first = case((later, _CHANGE.c.at), else_=insert.excluded.at)
    statement = insert.on_conflict_do_update(index_elements=["source", "id"], set_=updated | {"at": first})
    ordered = sorted(changes, key=lambda change: (change.source, change.id))  # so that no two wait for each other
    await connection.execute(statement, [row_of(change) for change in ordered])


async def between(
    connection: AsyncConnection, domains: Iterable[str], services: Iterable[str], since: datetime, until: datetime
) -> list[Change]:
    """The changes of services in a span of time, the latest first; at most a hundred."""
    where = {"domains": sorted(set(domains)), "services": sorted(set(services))}
    found = await fetch_dicts(connection, _BETWEEN, where | {"since": since, "until": until})
    return [msgspec.convert(row, Change) for row in found]


async def domains_of(connection: AsyncConnection, service: str) -> set[str]:
    """The correlation domains in which a service was changed, at most a hundred."""
    rows = await connection.execute(
        select(_CHANGE.c.domain).where(_CHANGE.c.service == service).distinct().limit(_LIMIT)
    )
    return {domain for (domain,) in rows}


async def last_change(
    connection: AsyncConnection, service: str, since: datetime, domains: Collection[str] | None = None
) -> datetime | None:
    """When a service was changed last, but for its scaling, in these domains or in any."""
    query = select(func.max(_CHANGE.c.at)).where(
        _CHANGE.c.service == service, _CHANGE.c.at >= since, _CHANGE.c.change != ChangeKind.SCALING.value
    )
    chosen = query if domains is None else query.where(_CHANGE.c.domain.in_(sorted(domains)))
    found: datetime | None = await connection.scalar(chosen)
    return found
