"""A database that nothing runs on is worked through and given other partitions.

What waits in the inbox is worked through first, in the partitions that there are, and what was learnt is written down;
each of these steps is one that a worker makes, too. Then one transaction moves every row: whoever is killed in between
leaves the old partitions or the new ones.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.components.partitions.state import make_lookups, open_state
from bot.config import Config, Environment
from bot.domain.change import redomained
from bot.domain.event import domain_of, partition_of
from bot.domain.rules import Rules
from bot.errors import Refused
from bot.inbox import offsets, partitions
from bot.inbox.inbox import Inbox
from bot.model_store.frames import open_frames
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.watch import SavesLater, Watch
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.services import Services, utc_now
from bot.storage import domains, homes
from bot.storage.database import Database
from bot.storage.queries import audit, co_occurrence, learnt_edges
from bot.storage.queries.audit import AuditEntry
from bot.watches import homes as pieces
from bot.watches.configured import watches
from detectors.topology import Topology

_BOUNDS = {homes.EDGES: learnt_edges.MOST, homes.COMPANIONS: co_occurrence.MOST}
_NAMES_SHOWN = 3
GONE_AFTER = 7.0
"""Seconds; a heartbeat counts for five."""

log = structlog.get_logger(__name__)


class Done(NamedTuple):
    """How many partitions there were and are, and how many rows changed theirs."""

    before: int
    after: int
    rows: int


@dataclass(frozen=True)
class Offline:
    """``services.rules`` have the partitions that there are and the labels of the domains of what is stored;
    ``rules`` are those that will hold."""

    services: Services
    watches: Sequence[Watch]
    rules: Rules

    async def work_off(self) -> None:
        """Work through all that waits, and write down all that was learnt from it.

        Raises Refused where another process lives on the database.
        """
        await self._wait_for_those_that_end()
        await Worker(self.services, make_plan, self.watches).drain()
        for partition in range(self.services.rules.partitions):
            await self._write_down(partition)

    async def _wait_for_those_that_end(self) -> None:
        """Heartbeats and connections of a process are there for a moment after its end."""
        deadline = time.monotonic() + GONE_AFTER
        while True:
            try:
                async with self.services.database.read() as connection:
                    return await _see_that_nobody_lives(connection)
            except Refused:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(0.25)

    async def _write_down(self, partition: int) -> None:
        saving = [watch for watch in self.watches if isinstance(watch, SavesLater)]
        if not saving:
            return
        services = self.services
        topology = Topology(services.rules.depends_on)
        async with services.database.write() as connection:
            position = await offsets.position_of(connection, partition)
            batch = Batch(
                partition=partition,
                now=services.clock(),
                rules=services.rules,
                topology=topology,
                make_plan=make_plan,
                inbox=services.inbox,
                trigger=Trigger.TICK,
                position=position,
            )
            for watch in saving:
                await watch.save_all(batch, connection)
                watch.forget(partition)

    async def losses(self, wanted: int) -> list[str]:
        """What would not come along, in words; mostly nothing. To be called when all is worked off."""
        rules = self._with(wanted)
        async with self.services.database.read() as connection:
            found = _unreadable(await pieces.plan(connection, rules))
            crowded = await homes.crowded(connection, _home(rules), _BOUNDS)
            left = await partitions.left_before(connection)
        found += [
            f"{over} of the oldest rows of {table}: more than a partition keeps" for table, over in crowded.items()
        ]
        return found + [f"what may still wait in an inbox that was left before: {name}" for name in left]

    async def change(self, wanted: int) -> Done:
        """Give the database so many partitions. Raises Refused where something has begun on it meanwhile."""
        services, rules = self.services, self._with(wanted)
        async with services.database.write() as connection, partitions.alone(connection):
            await _see_that_nobody_lives(connection)
            positions = await offsets.positions(connection)
            if await services.inbox.lag(positions):
                raise Refused("something came in meanwhile: stop what sends to it, and try again")
            position = max(positions.values())
            await self._rename(connection)
            moves = await pieces.plan(connection, rules)
            rows = await homes.rehome(connection, _home(rules), wanted)
            await pieces.carry_out(connection, moves, wanted, position)
            await partitions.replace(connection, wanted, position, rules.correlation.partition_by)
            details = {"before": len(positions), "after": wanted, "rows": rows, "by": rules.correlation.partition_by}
            await audit.append(
                connection, AuditEntry(services.clock(), "tandem", "partitions.changed", "inbox", details)
            )
        log.info("partitions.changed", **details)
        return Done(len(positions), wanted, rows)

    async def _rename(self, connection: AsyncConnection) -> None:
        """Where other labels tell domains apart, give all that is stored the names of its new ones."""
        before, after = self.services.rules.correlation.partition_by, self.rules.correlation.partition_by
        if before != after:
            renamed = partial(redomained, before=before, after=after)
            merged = await pieces.rename(connection, self.services.rules, self.rules, renamed)
            if ended := await domains.end_of(connection, merged):
                log.warning("partitions.alerts_end", alerts=ended, advice="What they are of is one with another now.")
            await domains.rename(connection, partial(domain_of, partition_by=after), renamed)

    def _with(self, wanted: int) -> Rules:
        return msgspec.structs.replace(self.rules, partitions=wanted)


@asynccontextmanager
async def opened(environment: Environment, config: Config) -> AsyncIterator[Offline]:
    """The database of an installation, for this process alone where it is SQLite. Raises StorageUnavailable."""
    async with AsyncExitStack() as stack:
        database, inbox, known = await open_state(stack, environment)
        yield await stack.enter_async_context(offline_of(environment, config, database, inbox, known))


@asynccontextmanager
async def offline_of(
    environment: Environment, config: Config, database: Database, inbox: Inbox, known: int
) -> AsyncIterator[Offline]:
    """The same of a database that is open, and has ``known`` partitions."""
    async with database.read() as connection:
        stored = await partitions.labels(connection)
    rules = msgspec.structs.replace(config.rules(), partitions=known)
    by = rules.correlation.partition_by if stored is None else stored
    correlation = rules.correlation.model_copy(update={"partition_by": by})
    async with AsyncExitStack() as stack:
        lookups = make_lookups(config, rules)
        stack.push_async_callback(lookups.close)
        old = msgspec.structs.replace(rules, correlation=correlation)
        services = Services(database, inbox, old, utc_now, look_up=lookups.prepare)
        yield Offline(services, await _watches(stack, environment, services), rules)


async def _watches(stack: AsyncExitStack, environment: Environment, services: Services) -> Sequence[Watch]:
    """As the worker has them: whoever works something through without one of them would keep it from that one."""
    rules, found = services.rules, watches(services.rules, services.clock)
    if rules.has_monitors:
        from bot.watches.models.watch import ModelsWatch  # noqa: PLC0415 - brings scikit-learn

        frames = open_frames(services.database, environment.model_store)
        models = ModelsWatch(rules, services.clock, services.database, frames)
        stack.push_async_callback(models.close)
        found = [*found, models]
    return found


def _home(rules: Rules) -> homes.Home:
    return partial(partition_of, partitions=rules.partitions)


async def _see_that_nobody_lives(connection: AsyncConnection) -> None:
    if names := await partitions.living(connection):
        raise Refused(f"these replicas still run, or their connections are open: {', '.join(names)}. Stop them first")


def _unreadable(moves: pieces.Moves) -> list[str]:
    by_watch: dict[str, list[str]] = {}
    for one in moves.unreadable:
        by_watch.setdefault(one.watch, []).append(one.name)
    return [
        f"{len(names)} snapshots of the watch {watch!r} that cannot be read ({', '.join(names[:_NAMES_SHOWN])}): "
        "what they hold is learnt anew"
        for watch, names in sorted(by_watch.items())
    ]
