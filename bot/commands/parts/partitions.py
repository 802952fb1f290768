"""The partitions of the inbox: what waits in each and who works on it; and another number of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.cluster.leases import partition_lease
from bot.components.partitions.offline import opened
from bot.config import Config, Environment
from bot.domain.duration import format_duration
from bot.errors import ConfigError
from bot.inbox import offsets
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.partitions import MOST, living
from bot.storage.database import open_existing, table_of
from bot.storage.lock import is_held
from bot.storage.tables.core import OffsetRow
from bot.storage.tables.leases import LeaseRow, ReplicaRow
from bot.storage.version import has_table

_LEASE, _REPLICA = table_of(LeaseRow), table_of(ReplicaRow)


async def show(environment: Environment) -> Table:
    """A row for each partition. Raises ConfigError where nothing has run on the database yet."""
    database = open_existing(environment.database_url)
    inbox = open_inbox(database, environment.inbox_address)
    try:
        async with database.read() as connection:
            if not await has_table(connection, OffsetRow):
                raise ConfigError("nothing has run on this database yet: TANDEM_PARTITIONS chooses at the first start")
            positions = await offsets.positions(connection)
            holders = await _holders(connection, positions, environment)
        await inbox.reach()
        return await _table(inbox, positions, holders)
    finally:
        await inbox.close()
        await database.close()


async def _table(inbox: Inbox, positions: Mapping[int, int], holders: Mapping[int, str]) -> Table:
    since = await inbox.partitions_behind(positions)
    now = datetime.now(UTC)
    table = Table(title=f"{len(positions)} partitions", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("partition", "waiting", "the oldest for", "held by"):
        table.add_column(name)
    for partition, position in sorted(positions.items()):
        waiting = await inbox.lag({partition: position}) if partition in since else 0
        oldest = format_duration(max(now - since[partition], timedelta())) if partition in since else ""
        table.add_row(str(partition), str(waiting), oldest, holders.get(partition, "nobody"))
    return table


async def _holders(connection: AsyncConnection, known: Iterable[int], environment: Environment) -> dict[int, str]:
    if connection.dialect.name == "sqlite":
        return dict.fromkeys(known, "the process that runs") if is_held(environment.database_url) else {}
    alive = await living(connection)
    held = (
        select(_LEASE.c.name, _LEASE.c.replica)
        .where(_LEASE.c.replica.in_(alive))
        .join(_REPLICA, (_REPLICA.c.id == _LEASE.c.replica) & (_REPLICA.c.incarnation == _LEASE.c.incarnation))
    )
    by_name = {name: replica for name, replica in await connection.execute(held)}
    return {p: by_name[partition_lease(p)] for p in known if partition_lease(p) in by_name}


def see_that_it_is_possible(wanted: int) -> None:
    """Raises ConfigError for a number that there cannot be."""
    if not 1 <= wanted <= MOST:
        raise ConfigError(f"there can be 1 to {MOST} partitions, and not {wanted}")


async def change(environment: Environment, config: Config, wanted: int, yes: bool) -> tuple[list[str], str | None]:
    """What does not come along; and what was done, None where something would not and that was not agreed to."""
    await open_existing(environment.database_url).close()
    async with opened(environment, config) as offline:
        known = offline.services.rules.partitions
        if known == wanted:
            return [], f"there are {known} partitions already"
        await offline.work_off()
        losses = await offline.losses(wanted)
        if losses and not yes:
            return losses, None
        done = await offline.change(wanted)
    rows = f"{done.rows} rows have another one now"
    setting = f"; set TANDEM_PARTITIONS={wanted}" if environment.partitions not in (None, wanted) else ""
    return losses, f"{done.after} partitions instead of {done.before}: {rows}{setting}"
