"""What watches have learnt: snapshots, each as of a position in the inbox."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of, upsert
from bot.storage.tables import DetectorStateRow

_STATE = table_of(DetectorStateRow)
_CHUNK = 1000


class Snapshot(NamedTuple):
    """``state`` as it was when everything up to ``position`` was worked in."""

    position: int
    state: bytes


async def load(connection: AsyncConnection, partition: int, watch: str) -> dict[str, Snapshot]:
    """All snapshots of a watch in a partition, by the name of what was learnt."""
    mine = (_STATE.c.partition == partition, _STATE.c.watch == watch)
    rows = await connection.execute(select(_STATE.c.name, _STATE.c.position, _STATE.c.state).where(*mine))
    return {name: Snapshot(position, state) for name, position, state in rows}


async def save(
    connection: AsyncConnection, partition: int, watch: str, states: Mapping[str, bytes], position: int, now: datetime
) -> None:
    """Write snapshots as of a position, over those of the same names."""
    same = {"partition": partition, "watch": watch, "position": position, "updated_at": now}
    rows = [{**same, "name": name, "state": state} for name, state in states.items()]
    for start in range(0, len(rows), _CHUNK):
        await upsert(connection, _STATE, rows[start : start + _CHUNK])


async def forget(connection: AsyncConnection, partition: int, watch: str, names: Iterable[str]) -> None:
    """Remove snapshots by name."""
    ordered = sorted(names)
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        mine = (_STATE.c.partition == partition, _STATE.c.watch == watch, _STATE.c.name.in_(chunk))
        await connection.execute(delete(_STATE).where(*mine))
