"""To which partition the rows of a correlation domain belong: moved there when the number of partitions changes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    FromClause,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    type_coerce,
    union,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from bot.storage.database import chunks, table_of, upsert
from bot.storage.tables.core import AlertRow, DetectorStateRow, IncidentRow, LearntEdgeRow
from bot.storage.tables.correlation import CompanionRow
from bot.storage.tables.deeds import ChangedIncidentRow, HeldIncidentRow
from bot.storage.tables.investigation import InvestigationRow
from bot.storage.tables.runs import RunRow

Home = Callable[[str], int]
"""The partition of a domain."""

_INCIDENT = table_of(IncidentRow)
_STATE = table_of(DetectorStateRow)
EDGES, COMPANIONS = table_of(LearntEdgeRow), table_of(CompanionRow)
BY_DOMAIN = (table_of(AlertRow), _INCIDENT, EDGES, COMPANIONS)
"""The tables whose rows name their domain."""
BY_INCIDENT = tuple(table_of(row) for row in (RunRow, InvestigationRow, HeldIncidentRow, ChangedIncidentRow))
"""Those whose rows belong to an incident, and are where that is."""
BY_PIECE = (_STATE,)
"""What watches have learnt: each piece says itself of which domain it is (:mod:`bot.watches.homes`)."""
WHERE_IT_STANDS = ("inbox", "partition_offset", "inbox_left", "dead_letter")
"""Tables of the inbox: an entry stays where it stands, and there is where it was set aside."""
_MARK = ""
_CHUNK = 500


async def domains(connection: AsyncConnection) -> list[str]:
    """Every domain that any row is of."""
    query = union(*(select(table.c.domain) for table in BY_DOMAIN))
    return sorted(await connection.scalars(query))


async def rehome(connection: AsyncConnection, home: Home, partitions: int) -> int:
    """Move every row to the partition of its domain; returns how many moved."""
    homes = {domain: home(domain) for domain in await domains(connection)}
    moved = 0
    if homes:
        target, values = as_rows(connection, homes, Integer())
        for table in BY_DOMAIN:
            there = (table.c.domain == target.c.name, table.c.partition != target.c.value)
            done = await connection.execute(update(table).values(partition=target.c.value).where(*there), values)
            moved += done.rowcount
    for table in BY_INCIDENT:
        there = (table.c.incident_id == _INCIDENT.c.id, table.c.partition != _INCIDENT.c.partition)
        moved += (
            await connection.execute(update(table).values(partition=_INCIDENT.c.partition).where(*there))
        ).rowcount
        gone = update(table).values(partition=0).where(table.c.partition >= partitions)  # the incident is no more
        await connection.execute(gone)
    return moved


async def crowded(connection: AsyncConnection, home: Home, most: Mapping[Table, int]) -> dict[str, int]:
    """By the name of the table, how many rows would be more than a partition keeps of them."""
    found = {}
    for table, bound in most.items():
        counts: dict[int, int] = {}
        for domain, count in await connection.execute(select(table.c.domain, func.count()).group_by(table.c.domain)):
            counts[home(domain)] = counts.get(home(domain), 0) + count
        if over := sum(max(count - bound, 0) for count in counts.values()):
            found[table.name] = over
    return found


def as_rows(
    connection: AsyncConnection, values: Mapping[str, Any], kind: TypeEngine[Any]
) -> tuple[FromClause, dict[str, Any]]:
    """Names and their values as a table of a statement, and what is to be given with the statement."""
    if connection.dialect.name == "postgresql":
        both = (bindparam("all_names", type_=ARRAY(Text)), bindparam("all_values", type_=ARRAY(kind)))
        rows = func.unnest(*both).table_valued("name", "value", name="these").render_derived()
        return rows, {"all_names": [*values], "all_values": [*values.values()]}
    each = func.json_each(bindparam("these")).table_valued("value", name="each")
    name = type_coerce(func.json_extract(each.c.value, "$[0]"), Text).label("name")
    value = type_coerce(func.json_extract(each.c.value, "$[1]"), kind).label("value")
    return select(name, value).subquery("these"), {"these": msgspec.json.encode([*values.items()]).decode()}


async def places_of_pieces(connection: AsyncConnection, watches: Iterable[str]) -> list[tuple[str, int]]:
    """The watches and the partitions in which they have snapshots."""
    mine = _STATE.c.watch.in_(list(watches))
    query = select(_STATE.c.watch, _STATE.c.partition).where(mine).distinct()
    rows = await connection.execute(query.order_by(_STATE.c.watch, _STATE.c.partition))
    return [(watch, partition) for watch, partition in rows]


async def move_pieces(connection: AsyncConnection, watch: str, names: Iterable[str], before: int, after: int) -> None:
    """Move snapshots to where :func:`settle_pieces` puts them: until then nobody can mistake them for another's."""
    for some in chunks(names):
        mine = (_STATE.c.watch == watch, _STATE.c.partition == before, _STATE.c.name.in_(some))
        await connection.execute(update(_STATE).values(partition=-1 - after).where(*mine))


async def copy_pieces(connection: AsyncConnection, watch: str, names: Iterable[str], before: int, after: int) -> None:
    """Like :func:`move_pieces`, for what several partitions need."""
    columns = [column.name for column in _STATE.columns]
    for some in chunks(names):
        mine = (_STATE.c.watch == watch, _STATE.c.partition == before, _STATE.c.name.in_(some))
        values = [bindparam("there", -1 - after, type_=Integer) if c == "partition" else _STATE.c[c] for c in columns]
        await connection.execute(_STATE.insert().from_select(columns, select(*values).where(*mine)))


async def write_pieces(
    connection: AsyncConnection, watch: str, partition: int, states: Mapping[str, tuple[int, bytes]]
) -> None:
    """Write snapshots, each as of its position, over those of the same names."""
    now = datetime.now(UTC)
    rows = [
        {"partition": partition, "watch": watch, "name": name, "position": at, "updated_at": now, "state": state}
        for name, (at, state) in states.items()
    ]
    for start in range(0, len(rows), _CHUNK):
        await upsert(connection, _STATE, rows[start : start + _CHUNK])


async def drop_pieces(connection: AsyncConnection, watch: str, names: Iterable[str], partition: int) -> None:
    for some in chunks(names):
        mine = (_STATE.c.watch == watch, _STATE.c.partition == partition, _STATE.c.name.in_(some))
        await connection.execute(delete(_STATE).where(*mine))


async def settle_pieces(connection: AsyncConnection, watches: Iterable[str], partitions: int, position: int) -> None:
    """Put what was moved in its place; all is as of a position, and nobody needs to read what is before it.

    Marks are there for the watches that have any, in every partition.
    """
    mine = _STATE.c.watch.in_(list(watches))
    await connection.execute(
        update(_STATE).values(partition=-1 - _STATE.c.partition).where(mine, _STATE.c.partition < 0)
    )
    marked = (mine, _STATE.c.name == _MARK)
    rows = select(_STATE.c.watch, func.max(_STATE.c.updated_at)).where(*marked).group_by(_STATE.c.watch)
    marks = (await connection.execute(rows)).all()
    await connection.execute(delete(_STATE).where(*marked))
    await connection.execute(update(_STATE).values(position=position).where(mine))
    new = [
        {"partition": p, "watch": watch, "name": _MARK, "position": position, "updated_at": at, "state": b""}
        for watch, at in marks
        for p in range(partitions)
    ]
    if new:
        await connection.execute(_STATE.insert(), new)
