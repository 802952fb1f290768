"""When incidents came up in a domain: how often something breaks there, and since when that is known."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.queries.incidents import MOST_KEYS
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)
_learnt_at = func.coalesce(_INCIDENT.c.created_at, _INCIDENT.c.opened_at)
_SINCE = (
    select(_INCIDENT.c.domain, _learnt_at.label("at"))
    .where(_INCIDENT.c.domain.in_(any_of("domains")), _INCIDENT.c.changed_at >= bindparam("since"))
    .where(_learnt_at >= bindparam("since"), _INCIDENT.c.part_of.is_(None))
    .order_by(_INCIDENT.c.changed_at.desc())
    .limit(MOST_KEYS)
    .subquery()
)
_LATELY = _SINCE.c.at.between(bindparam("lately"), bindparam("until"))
_LEARNT_OF = select(
    _SINCE.c.domain, func.min(_SINCE.c.at, type_=_SINCE.c.at.type), func.count().filter(_LATELY)
).group_by(_SINCE.c.domain)
_CHANGED_BEFORE = (
    select(_INCIDENT.c.domain)
    .where(_INCIDENT.c.changed_at < bindparam("before"))
    .order_by(_INCIDENT.c.changed_at.desc())
    .limit(MOST_KEYS)
    .subquery()
)
_DOMAINS_BEFORE = select(_CHANGED_BEFORE.c.domain).where(_CHANGED_BEFORE.c.domain.in_(any_of("domains"))).distinct()


class LearntOf(NamedTuple):
    """When we first learnt of an incident, and of how many we learnt within a span."""

    first: datetime
    lately: int


async def learnt_of(
    connection: AsyncConnection, domains: Iterable[str], since: datetime, lately: tuple[datetime, datetime]
) -> dict[str, LearntOf]:
    """By domain, of the incidents since a moment that are incidents of their own still, and in the span of ``lately``.

    At most ``MOST_KEYS`` count, the ones that changed last. There may be thousands, so that the database counts.
    """
    values = {"domains": sorted(set(domains)), "since": since, "lately": lately[0], "until": lately[1]}
    return {domain: LearntOf(first, count) for domain, first, count in await fetch_rows(connection, _LEARNT_OF, values)}


async def domains_before(connection: AsyncConnection, domains: Collection[str], moment: datetime) -> set[str]:
    """Those that had an incident before, among the last ``MOST_KEYS`` of all domains that did not change since."""
    if not domains:
        return set()
    rows = await fetch_rows(connection, _DOMAINS_BEFORE, {"before": moment, "domains": sorted(domains)})
    return {domain for (domain,) in rows}
