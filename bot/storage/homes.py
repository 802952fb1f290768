"""To which partition the rows of a correlation domain belong: moved there when the number of partitions changes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    FromClause,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    text,
    union,
    update,
)
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.ext.asyncio import AsyncConnection

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
_NAMED = "CREATE TEMPORARY TABLE IF NOT EXISTS these (name TEXT PRIMARY KEY, value) WITHOUT ROWID"


async def domains(connection: AsyncConnection) -> list[str]:
    """Every domain that any row is of."""
    query = union(*(select(table.c.domain) for table in BY_DOMAIN))
    return sorted(await connection.scalars(query))


async def rehome(connection: AsyncConnection, home: Home, partitions: int) -> int:
    """Move every row to the partition of its domain; returns how many moved."""
    homes = {domain: home(domain) for domain in await domains(connection)}
    moved = 0
    for table in BY_DOMAIN:
        moved += await set_by_name(connection, table.c.partition, table.c.domain, homes)
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


async def set_by_name(
    connection: AsyncConnection, column: Column[Any], key: Column[Any], values: Mapping[str, Any]
) -> int:
    """Set a column of each row to what is given under its key, in one statement; returns how many rows change.

    So one may get the value that another one had. SQLite gets the values in a table with an index: else it would go
    through all of them for every row.
    """
    if not values:
        return 0
    if connection.dialect.name == "postgresql":
        both = (bindparam("all_names", type_=ARRAY(Text)), bindparam("all_values", type_=ARRAY(column.type)))
        target: FromClause = func.unnest(*both).table_valued("name", "value", name="these").render_derived()
        given: dict[str, Any] = {"all_names": [*values], "all_values": [*values.values()]}
    else:
        await connection.execute(text(_NAMED))
        await connection.execute(text("DELETE FROM these"))
        rows = [{"name": name, "value": value} for name, value in values.items()]
        await connection.execute(text("INSERT INTO these (name, value) VALUES (:name, :value)"), rows)
        target, given = sql_table("these", sql_column("name"), sql_column("value")), {}
    there = (key == target.c.name, column != target.c.value)
    done = await connection.execute(update(column.table).values({column: target.c.value}).where(*there), given)
    return done.rowcount


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
