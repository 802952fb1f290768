"""A storm through the real pipeline on SQLite, with the clock moved by hand."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from bot.domain.cause import Cause
from bot.domain.rules import Rules
from bot.inbox.inbox import open_inbox
from bot.storage.database import open_database
from tests.benchmarks.storm_alerts import BEGIN, Sent
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

TICK = 60.0
T = TypeVar("T")


class Result(NamedTuple):
    """``home`` gives each alert, by identity, its incident; ``causes`` each incident what it names."""

    home: Mapping[str, str]
    causes: Mapping[str, Sequence[Cause]]


@asynccontextmanager
async def pipeline_in(folder: Path, rules: Rules) -> AsyncIterator[Pipeline]:
    database = open_database(f"sqlite:///{folder}/storm.db")
    inbox = open_inbox(database)
    try:
        await database.migrate()
        await inbox.prepare(0)
        clock = Clock()
        clock.now = BEGIN
        yield await Pipeline(database, inbox, clock, rules).prepare()
    finally:
        await inbox.close()
        await database.close()


async def run(folder: Path, sent: Iterable[Sent], rules: Rules) -> Result:
    """What arrives within one second is worked through together, as it is while the doors are open."""
    async with pipeline_in(folder, rules) as pipeline:
        ticked = 0.0
        for second, together in groupby(sent, lambda one: int(one.arrives)):
            pipeline.clock.now = BEGIN + timedelta(seconds=second)
            if second - ticked >= TICK:
                ticked = second
                await pipeline.worker.tick()
            await pipeline.append(*(one.event for one in together))
            await pipeline.worker.drain()
        found = await pipeline.incidents()
        home = {alert.identity: incident.id for incident in found for alert in await pipeline.alerts_of(incident)}
        return Result(home, {incident.id: incident.causes for incident in found})


def deliveries(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))
