"""Outgoing events as people see them: where each receiver stands, what failed, and what is sent anew."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.config import Environment
from bot.domain.outgoing.event import EventState, OutgoingEvent
from bot.errors import ConfigError
from bot.storage.database import Database, open_existing
from bot.storage.queries.outgoing import deliveries
from bot.storage.queries.outgoing.deliveries import Standing
from bot.storage.tables.outgoing import OutgoingEventRow
from bot.storage.version import has_table

_MOST_SHOWN = 200


async def listed(environment: Environment) -> str:
    """Raises ConfigError where there is no database yet."""
    async with _opened(environment) as database, database.read() as connection:
        standings = await deliveries.standings(connection)
        failing = await deliveries.failing(connection, _MOST_SHOWN)
    names = {one.receiver: one.shown for one in standings}
    lines = [_of_receiver(one) for one in standings] or ["no receiver yet: `outgoing` of tandem.yaml names them"]
    return "\n".join([*lines, *(_of_event(event, names) for event in failing)])


async def replay(environment: Environment, ids: Sequence[int] | None) -> str:
    """The process that runs sends them within a second or two. Raises ConfigError like :func:`listed`."""
    async with _opened(environment) as database, database.write() as connection:
        count = await deliveries.replay(connection, datetime.now(UTC), ids or None)
    return f"{count} {'event is' if count == 1 else 'events are'} sent anew"


@asynccontextmanager
async def _opened(environment: Environment) -> AsyncIterator[Database]:
    database = open_existing(environment.database_url)
    try:
        async with database.read() as connection:
            if not await has_table(connection, OutgoingEventRow):
                raise ConfigError("the tables are not there yet: `tandem run` brings them up to date")
        yield database
    finally:
        await database.close()


def _of_receiver(one: Standing) -> str:
    return f"{one.shown}: {one.waiting} waiting, {one.dead} given up; written down up to position {one.position}"


def _of_event(event: OutgoingEvent, names: dict[str, str]) -> str:
    over = event.state is EventState.DEAD
    when = "given up" if over else f"tried again at {event.next_at:%Y-%m-%d %H:%M:%S} UTC"
    where = names.get(event.receiver, event.receiver)
    return f"{event.id}  {event.name} to {where}: {when}; failed {event.attempts} times: {event.reason}"
