"""A storm through the real pipeline on SQLite, with the clock moved by hand."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from bot.domain.cause import Cause
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.inbox.inbox import open_inbox
from bot.storage.database import open_database
from bot.storage.queries import incidents
from tests.benchmarks.storm.alerts import BEGIN, Sent, SentChange
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


async def run(folder: Path, sent: Iterable[Sent | SentChange], rules: Rules, alone: bool = False) -> Result:
    """What arrives within one second is worked through together, as it is while the endpoints are open.

    ``alone``: every alert is a delivery of its own.
    """
    async with pipeline_in(folder, rules) as pipeline:
        ticked = 0.0
        for second, together in groupby(sent, lambda one: int(one.arrives)):
            pipeline.clock.now = BEGIN + timedelta(seconds=second)
            if second - ticked >= TICK:
                ticked = second
                await pipeline.worker.tick()
            events = [one.event for one in together]
            for some in deliveries(events, 1 if alone else len(events)):
                await pipeline.append(*some)
            await pipeline.worker.drain()
        found = await _every_incident(pipeline)
        home = {alert.identity: incident.id for incident in found for alert in await pipeline.alerts_of(incident)}
        return Result(home, {incident.id: incident.causes for incident in found})


async def _every_incident(pipeline: Pipeline) -> list[Incident]:
    async with pipeline.database.read() as connection:
        return await incidents.list_incidents(connection, limit=100_000)


def deliveries(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))
