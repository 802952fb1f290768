"""The tokens by which an alert without a known service is compared with open incidents."""

from array import array
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import chunks, table_of, upsert
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.tables.correlation import IncidentTermsRow

MOST = 256
"""Tokens of one incident; later ones are not kept."""
_TABLE = table_of(IncidentTermsRow)
_OF_INCIDENTS = select(_TABLE).where(_TABLE.c.incident_id.in_(any_of("ids")))


async def of_incidents(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, frozenset[int]]:
    """The tokens of each incident that has some."""
    found: dict[str, frozenset[int]] = {}
    for chunk in chunks(ids):
        rows = await fetch_rows(connection, _OF_INCIDENTS, {"ids": chunk})
        found |= {incident_id: frozenset(array("I", packed)) for incident_id, packed in rows}
    return found


async def add(connection: AsyncConnection, added: Mapping[str, Iterable[int]]) -> None:
    """Let incidents have these tokens too, as far as there is room."""
    known = await of_incidents(connection, added)
    rows = []
    for incident_id, tokens in sorted(added.items()):
        before = known.get(incident_id, frozenset())
        new = sorted(set(tokens) - before)[: max(MOST - len(before), 0)]
        if new:
            rows.append({"incident_id": incident_id, "terms": array("I", [*sorted(before), *new]).tobytes()})
    await upsert(connection, _TABLE, rows)


async def forget(connection: AsyncConnection, ids: Iterable[str]) -> None:
    for chunk in chunks(ids):
        await connection.execute(delete(_TABLE).where(_TABLE.c.incident_id.in_(chunk)))
