"""How a run ended is sealed: who can write the database can earn no autonomy by it."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.errors import ConfigError
from bot.inbox.inbox import Inbox
from bot.remediation.autonomy.record import record_of
from bot.storage.database import Database
from bot.storage.seal import Seal
from bot.storage.sealing import adopt
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book

MakeAlert = Callable[..., AlertEvent]
KEY = "the key of this test, 16 or more"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _record(night: Night, run: Run) -> list[bool | None]:
    async with night.pipeline.database.read() as connection:
        return [one.good for one in await record_of(connection, "", run.runbook, run.plan.definition, run.cause)]


async def _overwrite(night: Night, run: Run, assignment: str) -> None:
    """Past Tandem: by SQL, without the key."""
    async with night.pipeline.database.write() as connection:
        await connection.execute(text(f"update run set {assignment} where id = :id"), {"id": run.id})


async def _ended(night: Night, alert: MakeAlert, *, well: bool) -> Run:
    approved = await night.approve()
    if well:
        night.at(1, lambda: night.pipeline.send(alert("resolved")))
    return await night.carry_out(approved)


@pytest.fixture
async def verified(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> Night:
    """An incident with an offer that alerts verify, in a sealed database."""
    await adopt(database, Seal(KEY.encode()), clock.now)
    books = {"restart": book(rollback=[])}
    pipeline = await Pipeline(database, inbox, clock, Rules(runbooks=books)).prepare()
    await pipeline.send(alert())
    return Night(pipeline, books)


@on_sqlite
@pytest.mark.parametrize("assignment", ["status = 'succeeded', earned = true", "end_seal = '', status = 'succeeded'"])
async def test_a_bad_run_that_was_made_a_success_in_the_database_stays_a_bad_one(
    verified: Night, alert: MakeAlert, assignment: str
) -> None:
    ended = await _ended(verified, alert, well=False)
    assert (ended.status, await _record(verified, ended)) == (RunStatus.FAILED, [False])
    await _overwrite(verified, ended, assignment)
    await adopt(verified.pipeline.database, Seal(KEY.encode()), verified.pipeline.clock.now)
    assert await _record(verified, ended) == [False]


@on_sqlite
@pytest.mark.parametrize(
    "assignment",
    [
        "earned = false",
        "decisions = replace(decisions, 'U1', 'U9')",
        """plan = replace(plan, '"checkout"', '"everything"')""",
    ],
)
async def test_a_success_whose_row_was_changed_takes_autonomy_away(
    verified: Night, alert: MakeAlert, assignment: str
) -> None:
    ended = await _ended(verified, alert, well=True)
    assert (ended.status, await _record(verified, ended)) == (RunStatus.SUCCEEDED, [True])
    await _overwrite(verified, ended, assignment)
    assert await _record(verified, ended) == [False]


@on_sqlite
async def test_runs_that_ended_before_there_were_such_seals_count_as_they_are_once(
    verified: Night, alert: MakeAlert
) -> None:
    ended = await _ended(verified, alert, well=True)
    database, now = verified.pipeline.database, verified.pipeline.clock.now
    await _overwrite(verified, ended, "end_seal = ''")
    async with database.write() as connection:
        await connection.execute(text("delete from seal where name = 'ends of runs'"))
    await adopt(database, Seal(KEY.encode()), now)
    assert await _record(verified, ended) == [True]
    async with database.write() as connection:
        await connection.execute(text("delete from seal where name = 'ends of runs'"))
    with pytest.raises(ConfigError, match="the record of their key is gone"):
        await adopt(database, Seal(KEY.encode()), now)
