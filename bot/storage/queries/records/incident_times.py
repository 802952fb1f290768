"""When incidents came up in a domain: how often something breaks there, and since when that is known."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.queries.incidents import MOST_KEYS
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)
_learnt_at = func.coalesce(_INCIDENT.c.created_at, _INCIDENT.c.opened_at)
_LEARNT_OF_SINCE = (
    select(_INCIDENT.c.domain, _learnt_at)
    .where(_INCIDENT.c.domain.in_(any_of("domains")), _INCIDENT.c.changed_at >= bindparam("since"))
    .where(_learnt_at >= bindparam("since"), _INCIDENT.c.part_of.is_(None))
    .order_by(_INCIDENT.c.changed_at.desc())
    .limit(MOST_KEYS)
)
_CHANGED_BEFORE = (
    select(_INCIDENT.c.domain)
    .where(_INCIDENT.c.changed_at < bindparam("before"))
    .order_by(_INCIDENT.c.changed_at.desc())
    .limit(MOST_KEYS)
    .subquery()
)
_DOMAINS_BEFORE = select(_CHANGED_BEFORE.c.domain).where(_CHANGED_BEFORE.c.domain.in_(any_of("domains"))).distinct()


async def learnt_of_since(
    connection: AsyncConnection, domains: Iterable[str], since: datetime
) -> dict[str, list[datetime]]:
    """By domain the moments since then at which we learnt of incidents, of those that are incidents of their own still.

    At most ``MOST_KEYS``, the ones that changed last.
    """
    rows = await fetch_rows(connection, _LEARNT_OF_SINCE, {"domains": sorted(set(domains)), "since": since})
    found: dict[str, list[datetime]] = {}
    for domain, at in rows:
        found.setdefault(domain, []).append(at)
    return found


async def domains_before(connection: AsyncConnection, domains: Collection[str], moment: datetime) -> set[str]:
    """Those that had an incident before, among the last ``MOST_KEYS`` of all domains that did not change since."""
    if not domains:
        return set()
    rows = await fetch_rows(connection, _DOMAINS_BEFORE, {"before": moment, "domains": sorted(domains)})
    return {domain for (domain,) in rows}
