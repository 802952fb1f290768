"""The traits of resolved incidents, by which those that are alike are found."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.run import RunStatus
from bot.storage.database import chunks, insert_missing, table_of
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.tables.core import TraitRow
from bot.storage.tables.runs import RunRow

_TRAIT = table_of(TraitRow)
_RUN = table_of(RunRow)
_SHARED = func.count().label("shared")
_ALIKE = (
    select(_TRAIT.c.incident_id, _SHARED, func.max(_TRAIT.c.traits))
    .where(_TRAIT.c.domain == bindparam("of"), _TRAIT.c.trait.in_(any_of("traits")))
    .group_by(_TRAIT.c.incident_id)
    .order_by(_SHARED.desc(), _TRAIT.c.incident_id)
    .limit(bindparam("limit"))
)


class Resemblance(NamedTuple):
    """A resolved incident, how many traits it shares and how many it has."""

    incident_id: str
    shared: int
    traits: int


async def remember(connection: AsyncConnection, found: Mapping[str, tuple[str, Collection[str]]]) -> set[str]:
    """Keep the domain and the traits of incidents; what is kept of one already stays.

    Returns the incidents of which nothing was.
    """
    known: set[str] = set()
    for chunk in chunks(found):
        known.update(await connection.scalars(select(_TRAIT.c.incident_id).where(_TRAIT.c.incident_id.in_(chunk))))
    rows = [
        {"domain": domain, "trait": trait, "incident_id": incident_id, "traits": len(traits)}
        for incident_id, (domain, traits) in found.items()
        for trait in sorted(traits)
    ]
    await insert_missing(connection, _TRAIT, rows)
    return {incident_id for incident_id, (_, traits) in found.items() if traits} - known


async def alike(connection: AsyncConnection, domain: str, traits: Iterable[str], limit: int = 20) -> list[Resemblance]:
    """The remembered incidents that share the most traits."""
    rows = await fetch_rows(connection, _ALIKE, {"of": domain, "traits": sorted(traits), "limit": limit})
    return [Resemblance(*row) for row in rows]


async def that_helped(connection: AsyncConnection, incident_ids: Sequence[str]) -> dict[str, list[str]]:
    """The runbooks that were verified in each of the incidents."""
    found: dict[str, list[str]] = {incident_id: [] for incident_id in incident_ids}
    if not found:
        return found
    rows = await connection.execute(
        select(_RUN.c.incident_id, _RUN.c.runbook)
        .where(_RUN.c.incident_id.in_(list(incident_ids)), _RUN.c.status == RunStatus.SUCCEEDED.value)
        .order_by(_RUN.c.ended_at)
    )
    for incident_id, runbook in rows:
        if runbook not in found[incident_id]:
            found[incident_id].append(runbook)
    return found
