"""When incidents came up in a domain: how often something breaks there, and since when that is known."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.queries.incidents import MOST_KEYS
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)


async def learnt_of_since(
    connection: AsyncConnection, domains: Iterable[str], since: datetime
) -> dict[str, list[datetime]]:
    """By domain the moments since then at which we learnt of incidents, of those that are incidents of their own still.

    At most ``MOST_KEYS``, the ones that changed last.
    """
    learnt_at = func.coalesce(_INCIDENT.c.created_at, _INCIDENT.c.opened_at)
    rows = await connection.execute(
        select(_INCIDENT.c.domain, learnt_at)
        .where(_INCIDENT.c.domain.in_(sorted(set(domains))), _INCIDENT.c.changed_at >= since)
        .where(learnt_at >= since, _INCIDENT.c.part_of.is_(None))
        .order_by(_INCIDENT.c.changed_at.desc())
        .limit(MOST_KEYS)
    )
    found: dict[str, list[datetime]] = {}
    for domain, at in rows:
        found.setdefault(domain, []).append(at)
    return found


async def domains_before(connection: AsyncConnection, domains: Collection[str], moment: datetime) -> set[str]:
    """Those that had an incident before, among the last ``MOST_KEYS`` of all domains that did not change since."""
    if not domains:
        return set()
    changed = _INCIDENT.c.changed_at
    last = select(_INCIDENT.c.domain).where(changed < moment).order_by(changed.desc()).limit(MOST_KEYS).subquery()
    rows = await connection.execute(select(last.c.domain).where(last.c.domain.in_(sorted(domains))).distinct())
    return set(rows.scalars())
