"""Transactions that meet: they wait in one order, and what the database undoes is begun anew, not an outage."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.errors import Collision, Conflict, Refused, StorageUnavailable
from bot.inbox.inbox import NewEntry
from bot.inbox.sql import SqlInbox
from bot.incidents.lifecycle import resolve
from bot.incidents.regroup import merge_by_hand
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from handlers.slack.answers import NotDone, or_words
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def _write_both(database: Database, first: str, second: str, meet: asyncio.Barrier, tried: list[str]) -> None:
    async with database.write() as connection:
        tried.append(first)
        await connection.execute(text(f"UPDATE counter SET value = value + 1 WHERE name = '{first}'"))
        if len(tried) <= 2:
            await meet.wait()
        await connection.execute(text(f"UPDATE counter SET value = value + 1 WHERE name = '{second}'"))


async def _prepare_counters(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO counter (name, value) VALUES ('a', 0), ('b', 0)"))


async def _values(database: Database) -> list[int]:
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT value FROM counter WHERE name IN ('a', 'b') ORDER BY name"))
        return [value for (value,) in rows]


@postgresql
async def test_a_deadlock_is_a_collision_and_no_outage(database: Database) -> None:
    await _prepare_counters(database)
    meet, tried = asyncio.Barrier(2), list[str]()
    both = [_write_both(database, *order, meet, tried) for order in (("a", "b"), ("b", "a"))]
    ended = await asyncio.gather(*both, return_exceptions=True)
    [failed] = [one for one in ended if one is not None]
    assert isinstance(failed, Collision)
    assert isinstance(failed, Conflict)
    assert await _values(database) == [1, 1]


@postgresql
async def test_a_serialisation_failure_is_a_collision_too(database: Database) -> None:
    await _prepare_counters(database)
    with pytest.raises(Collision):
        async with database.write() as connection:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            await connection.execute(text("SELECT count(*) FROM counter"))
            async with database.write() as other:
                await other.execute(text("UPDATE counter SET value = 5 WHERE name = 'a'"))
            await connection.execute(text("UPDATE counter SET value = value + 1 WHERE name = 'a'"))


@postgresql
async def test_what_collided_is_begun_anew_and_both_are_done(database: Database) -> None:
    await _prepare_counters(database)
    meet, tried = asyncio.Barrier(2), list[str]()
    work = begun_anew(_write_both)
    await asyncio.gather(work(database, "a", "b", meet, tried), work(database, "b", "a", meet, tried))
    assert await _values(database) == [2, 2]
    assert len(tried) == 3


async def test_a_person_is_told_that_others_were_faster_and_not_of_an_outage() -> None:
    @begun_anew
    async def always() -> None:
        raise Collision("deadlock detected")

    with pytest.raises(NotDone, match="Others were changing the same") as told:
        await or_words(always())
    assert "database" not in str(told.value)


@postgresql
async def test_a_merge_both_ways_at_once_ends_as_one_merge_each_time(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for turn in range(8):
        await pipeline.send(alert(service=f"a{turn}"))
        await pipeline.send(alert(service=f"b{turn}"))
        one, other = (await pipeline.incidents())[-2:]
        database = pipeline.database
        both = [
            merge_by_hand(database, gone.number, kept.number, "U1", clock.now)
            for gone, kept in ((one, other), (other, one))
        ]
        ended = await asyncio.gather(*both, return_exceptions=True)
        assert {type(each) for each in ended} == {Incident, Refused}
        assert sum(each.open for each in (await pipeline.incidents())[-2:]) == 1
        clock.pass_(hours=2)


@postgresql
async def test_people_and_the_pipeline_who_change_the_same_incidents_do_not_collide(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    names = [f"s{number}" for number in range(6)]
    for name in names:
        await pipeline.send(alert(service=name))
    known = await pipeline.incidents()
    await pipeline.append(*(alert(service=name, alertname="Slow") for name in names))
    merges = [
        merge_by_hand(pipeline.database, gone.number, kept.number, "U1", clock.now)
        for gone, kept in ((known[0], known[1]), (known[3], known[2]))
    ]
    last = resolve(pipeline.database, known[5].id, "U1", clock.now)
    await asyncio.gather(pipeline.worker.drain(), *merges, last)
    now = await pipeline.incidents()
    assert [incident.open for incident in now[:6]] == [False, True, True, False, True, False]


@postgresql
async def test_an_inbox_that_others_lock_is_an_outage_within_seconds(database: Database, clock: Clock) -> None:
    inbox = SqlInbox(database, shared=True)
    async with database.write() as connection:
        await connection.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(5):
            with pytest.raises(StorageUnavailable, match="lock timeout"):
                await inbox.append([NewEntry(0, "alertmanager", clock.now, b"[]")])
