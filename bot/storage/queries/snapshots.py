"""What watches have learnt: snapshots, each as of a position in the inbox."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of, upsert
from bot.storage.tables.core import DetectorStateRow

_STATE = table_of(DetectorStateRow)
_CHUNK = 1000
_MARK = ""
"""The name of a snapshot that holds nothing but its position."""


class Snapshot(NamedTuple):
    """``state`` as it was when everything up to ``position`` was worked in."""

    position: int
    state: bytes


async def load(connection: AsyncConnection, partition: int, watch: str) -> dict[str, Snapshot]:
    """All snapshots of a watch in a partition, by the name of what was learnt."""
    mine = (_STATE.c.partition == partition, _STATE.c.watch == watch)
    rows = await connection.execute(select(_STATE.c.name, _STATE.c.position, _STATE.c.state).where(*mine))
    return {name: Snapshot(position, state) for name, position, state in rows}


async def named(
    connection: AsyncConnection, partitions: Iterable[int], watch: str, name: str, prefixes: Iterable[str] = ()
) -> dict[str, list[Snapshot]]:
    """The snapshots of that name, and of names that begin so, in all of these partitions, whoever works on them."""
    these = or_(_STATE.c.name == name, *(_STATE.c.name.startswith(one, autoescape=True) for one in prefixes))
    rows = await connection.execute(
        select(_STATE.c.name, _STATE.c.position, _STATE.c.state)
        .where(_STATE.c.partition.in_(list(partitions)), _STATE.c.watch == watch, these)
        .order_by(_STATE.c.partition, _STATE.c.name)
    )
    found: dict[str, list[Snapshot]] = {}
    for name_of, position, state in rows:
        found.setdefault(name_of, []).append(Snapshot(position, state))
    return found


async def states_of(connection: AsyncConnection, partition: int, watch: str, names: Iterable[str]) -> dict[str, bytes]:
    """The states of the snapshots of just these names, whoever works on them; names without one are left out."""
    mine = (_STATE.c.partition == partition, _STATE.c.watch == watch, _STATE.c.name.in_(list(names)))
    return {name: state for name, state in await connection.execute(select(_STATE.c.name, _STATE.c.state).where(*mine))}


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


async def mark(connection: AsyncConnection, partition: int, watch: str, position: int, now: datetime) -> None:
    """Say that what came up to ``position`` is in the snapshots of a watch: nobody needs to read it again for them."""
    await save(connection, partition, watch, {_MARK: b""}, position, now)


async def mark_of(connection: AsyncConnection, partition: int, watch: str) -> int | None:
    """How far everything is in the snapshots of a watch; None where it has none."""
    mine = (_STATE.c.partition == partition, _STATE.c.watch == watch, _STATE.c.name == _MARK)
    return await connection.scalar(select(_STATE.c.position).where(*mine))


async def marks(connection: AsyncConnection, watch: str) -> dict[int, int]:
    """:func:`mark_of` for all partitions that have one."""
    mine = (_STATE.c.watch == watch, _STATE.c.name == _MARK)
    rows = await connection.execute(select(_STATE.c.partition, _STATE.c.position).where(*mine))
    return {partition: position for partition, position in rows}


async def pages(
    connection: AsyncConnection, partition: int, watch: str, size: int = _CHUNK
) -> AsyncIterator[dict[str, Snapshot]]:
    """Like :func:`load`, in bites that nobody has to wait for long. Without the mark."""
    last = _MARK
    while True:
        mine = (_STATE.c.partition == partition, _STATE.c.watch == watch, _STATE.c.name > last)
        query = select(_STATE.c.name, _STATE.c.position, _STATE.c.state).where(*mine).order_by(_STATE.c.name)
        rows = await connection.execute(query.limit(size))
        page = {name: Snapshot(position, state) for name, position, state in rows}
        if not page:
            return
        yield page
        last = next(reversed(page))
