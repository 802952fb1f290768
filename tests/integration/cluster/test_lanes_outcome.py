"""What comes of partitions that are worked on at once is what comes of them one after another."""

from pathlib import Path
from random import Random

from sqlalchemy import select

from bot.domain.event import Event, SamplesEvent, Series
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import MetricRules
from bot.inbox import offsets
from bot.inbox.inbox import Inbox, open_inbox
from bot.pipeline.worker import Worker
from bot.storage.database import Database, open_database, table_of
from bot.storage.tables.core import DetectorStateRow
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.cluster.test_lanes import POSTGRESQL, clusters_of
from tests.integration.pipeline_driver import Pipeline, make_alert, plan_without_values
from tests.migrated import copy_migrated

RULED = Rules(
    metrics=MetricRules.model_validate(
        {"watch": {"latency": {"match": ["__name__=latency"], "one_false_alarm_in": "7d"}}}
    )
)


async def _history(pipeline: Pipeline, seed: int) -> None:
    """Alerts and samples of five clusters, with ticks between; series break in some of them."""
    random, clock, make = Random(seed), pipeline.clock, make_alert(pipeline.clock)
    pipeline.worker = Worker(pipeline.services, plan_without_values, watches(pipeline.rules, clock))
    clusters = clusters_of(5)
    for step in range(50):
        began = int(clock.now.timestamp() * 1000)
        minutes = 10 if step < 35 else 1
        told: list[Event] = []
        for place, one in enumerate(clusters):
            level = 300.0 if step > 42 and place % 2 else 100.0
            names = {"__name__": "latency", "service": f"s{place}", "cluster": one}
            times = [began + minute * 60_000 for minute in range(minutes)]
            series = Series(names, times, [random.gauss(level, 1.0) for _ in times])
            told.append(SamplesEvent("prometheus", {"cluster": one}, [series]))
            if step % 5 == place:
                told.append(make(random.choice(["resolved", "firing"]), cluster=one, service=f"s{place % 3}"))
        clock.pass_(minutes=minutes)
        await pipeline.append(*told)
        if step % 5 == 4 or step > 35:
            await pipeline.worker.drain()
            await pipeline.worker.tick()


async def _outcome(pipeline: Pipeline) -> tuple[object, ...]:
    """What is known at the end, without numbers and ids, which may differ by order."""
    found = []
    for one in await pipeline.incidents():
        known = sorted(
            (a.identity, a.name, a.source, a.episode, a.status, a.repeats) for a in await pipeline.alerts_of(one)
        )
        found.append((one.domain, one.title, one.status, one.severity, one.opened_at, known))
    table = table_of(DetectorStateRow)
    async with pipeline.database.read() as connection:
        rows = await connection.execute(
            select(table.c.partition, table.c.watch, table.c.name, table.c.state).order_by(*table.primary_key)
        )
        states = [tuple(row) for row in rows]
        positions = await offsets.positions(connection)
    return sorted(found, key=str), states, sum(positions.values()) > 0


@POSTGRESQL
async def test_what_watches_and_incidents_come_to_is_the_same_as_one_after_another(
    database: Database, inbox: Inbox, tmp_path: Path
) -> None:
    at_once = await Pipeline(database, inbox, Clock(), RULED).prepare()
    await _history(at_once, 1)
    copy_migrated(tmp_path)
    other = open_database(f"sqlite:///{tmp_path}/tandem.db")
    other_inbox = open_inbox(other)
    try:
        await other_inbox.prepare(0)
        in_turn = await Pipeline(other, other_inbox, Clock(), RULED).prepare()
        await _history(in_turn, 1)
        together, apart = await _outcome(at_once), await _outcome(in_turn)
    finally:
        await other_inbox.close()
        await other.close()
    assert together == apart
    incidents, states, _ = together
    assert isinstance(incidents, list)
    assert isinstance(states, list)
    assert sum(watch == "metrics" for _, watch, *_ in states) > 5
    assert any(alert[2] == "tandem" for *_, known in incidents for alert in known), "series broke"
