"""On SQLite what is looked for again and again among all alerts is found by an index, however many there are."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import Database
from bot.storage.queries import alerts
from bot.storage.queries.records import service
from tests.conftest import Clock
from tests.statements import statements_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Look = Callable[[AsyncConnection, Clock], Awaitable[object]]
LOOKS: dict[str, Look] = {
    "held back": lambda connection, _: alerts.partitions_held_back(connection),
    "flapping": lambda connection, _: alerts.flapping(connection, 3),
    "pending": lambda connection, clock: alerts.pending(connection, 3, clock.now),
    "no longer silenced": lambda connection, clock: alerts.no_longer_silenced(connection, 3, clock.now),
    "firing of a group": lambda connection, _: alerts.firing_of_group(connection, "eu", "alertmanager", "g", 10),
    "a group that ends": lambda connection, clock: alerts.end_group_later(connection, "eu", "grafana", "g", clock.now),
    "silent senders": lambda connection, _: service.silent_senders(connection, ["eu"]),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
async def test_a_look_at_alerts_reads_no_others(database: Database, clock: Clock, look: Look) -> None:
    async with database.write() as connection:
        with statements_of(database) as asked:
            await look(connection, clock)
        [(statement, values)] = asked
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values))
        steps = [step for *_, step in plan]
    assert any("alert" in step for step in steps)
    assert "SCAN alert" not in steps


async def test_silent_senders_are_looked_for_among_our_own_alerts_alone(database: Database) -> None:
    async with database.read() as connection:
        with statements_of(database) as asked:
            await service.silent_senders(connection, ["eu"])
        [(statement, values)] = asked
        [(*_, step)] = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values))
    assert "INDEX alert_own (domain=? AND name=?)" in step
