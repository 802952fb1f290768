"""Who can write the database can neither run a plan nor rewrite the audit log unnoticed: the key is not in it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from bot.commands.parts.audit import find_faults, reseal
from bot.components.audit_head import write_head
from bot.config import Environment
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import Decision, Phase, PlannedStep, Run, RunStatus, plan_hash
from bot.errors import ConfigError, Refused
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import audit, runs
from bot.storage.queries.audit import AuditEntry
from bot.storage.seal import Seal, make_seal, read_seal
from bot.storage.sealing import adopt
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book

MakeAlert = Callable[..., AlertEvent]
KEY = "the key of this test, 16 or more"
OTHER = "a key of somebody else's choice"
EVIL = PlannedStep("command", {"argv": ["echo", "evil"]}, "echo evil")


@pytest.fixture
async def night(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> Night:
    """An incident with an offer, in a sealed database."""
    await adopt(database, Seal(KEY.encode()), clock.now)
    books = {"restart": book(verify={"alerts_resolved": False}, rollback=[])}
    pipeline = await Pipeline(database, inbox, clock, Rules(runbooks=books)).prepare()
    await pipeline.send(alert())
    return Night(pipeline, books)


async def _offer(night: Night) -> Run:
    [run] = await night.pipeline.runs_of(await night.pipeline.only_incident())
    return run


async def _write(night: Night, run: Run) -> None:
    """As somebody does who can write the database and does not have the key."""
    async with night.pipeline.database.write() as connection:
        await runs.save(connection, [run])


def _with_plan(run: Run, steps: Sequence[PlannedStep]) -> Run:
    plan = msgspec.structs.replace(run.plan, steps=list(steps))
    return msgspec.structs.replace(run, plan=plan, plan_hash=plan_hash(plan))


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where a run is carried out: on PostgreSQL that needs the tables of DBOS."""


@on_sqlite
async def test_a_run_that_was_offered_and_approved_here_runs(night: Night) -> None:
    ended = await night.carry_out(await night.approve())
    assert ended.status is RunStatus.SUCCEEDED


@on_sqlite
@pytest.mark.parametrize("status", [RunStatus.APPROVED, RunStatus.RUNNING, RunStatus.VERIFYING])
@pytest.mark.parametrize(
    "forge",
    [
        lambda run: run,
        lambda run: _with_plan(run, [EVIL]),
        lambda run: msgspec.structs.replace(run, decisions=[Decision("U1", "approve", run.created_at)]),
        lambda run: msgspec.structs.replace(run, required=0),
        lambda run: msgspec.structs.replace(run, seal="", required=0),
        lambda run: msgspec.structs.replace(run, seal=Seal(OTHER.encode()).of("run", run.id), required=0),
    ],
)
async def test_what_nobody_approved_here_never_runs(
    night: Night, status: RunStatus, forge: Callable[[Run], Run]
) -> None:
    forged = forge(msgspec.structs.replace(await _offer(night), status=status))
    await _write(night, forged)
    ended = await night.carry_out(forged)
    assert ended.status is RunStatus.FAILED
    async with night.pipeline.database.read() as connection:
        assert await runs.steps_of(connection, [forged.id]) == []


@on_sqlite
@pytest.mark.parametrize(
    "change",
    [
        {"id": "another"},
        {"approvers": ["U1", "U9"]},
        {"required": 0},
        {"runbook": "other"},
    ],
)
async def test_an_approved_run_that_was_changed_afterwards_does_not_run(night: Night, change: dict[str, Any]) -> None:
    changed = msgspec.structs.replace(await night.approve(), **change)
    await _write(night, changed)
    assert (await night.carry_out(changed)).status is RunStatus.FAILED


@on_sqlite
async def test_a_plan_that_is_changed_between_two_steps_is_not_gone_on_with(night: Night) -> None:
    run = await night.approve()
    await _write(night, _with_plan(msgspec.structs.replace(run, status=RunStatus.RUNNING), [EVIL]))
    assert await night.steps.perform(runs.Claim(run.id, ""), Phase.STEP, 0) is False
    async with night.pipeline.database.read() as connection:
        [record] = await runs.steps_of(connection, [run.id])
    assert "not the one that was approved" in record.output
    assert "evil" not in record.output


async def test_an_offer_that_was_changed_in_the_database_cannot_be_approved(night: Night) -> None:
    await _write(night, _with_plan(await _offer(night), [EVIL]))
    with pytest.raises(Refused, match="changed in the database past Tandem: nothing was run"):
        await night.approve()
    assert (await _offer(night)).status is RunStatus.EXPIRED


def _environment(monkeypatch: pytest.MonkeyPatch, database: Database, key: str = KEY) -> Environment:
    monkeypatch.setenv("TANDEM_SEAL_KEY", key)
    monkeypatch.setenv("TANDEM_DATABASE_URL", database.address.render_as_string(hide_password=False))
    return Environment()


async def _append(database: Database, clock: Clock, *actions: str) -> None:
    async with database.write() as connection:
        for action in actions:
            await audit.append(connection, AuditEntry(clock.now, "U1", action, "x"))


async def _without_triggers(database: Database, *statements: str) -> None:
    async with database.write() as connection:
        if database.is_sqlite:
            names = await connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for name in list(names):
                await connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            await connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        for statement in statements:
            await connection.execute(text(statement))


async def _rewrite_from(database: Database, clock: Clock, seq: int, seal: Seal | None = None) -> None:
    """Cut the log and write it anew, with hashes that are right and, if they like, a key of their own."""
    await _without_triggers(
        database, f"DELETE FROM audit WHERE seq >= {seq}", f"UPDATE counter SET value = {seq - 1} WHERE name = 'audit'"
    )
    forger = Database(database.engine, address=database.address)
    if seal:
        forger.use_seal(seal)
    await _append(forger, clock, "forged", "forged too")


async def test_a_log_from_before_the_seals_stays_valid_up_to_where_they_begin(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _append(database, clock, "old", "older")
    await adopt(database, Seal(KEY.encode()), clock.now)
    await _append(database, clock, "new")
    environment = _environment(monkeypatch, database)
    fault, whole = await find_faults(database, environment, [])
    assert (fault, whole) == ("", "whole: the seal of every row holds; rows before 3 have hashes only")
    await adopt(database, Seal(KEY.encode()), clock.now)
    assert (await find_faults(database, environment, []))[0] == ""


@pytest.mark.parametrize("forger", [None, Seal(OTHER.encode())], ids=["without a key", "with another key"])
async def test_a_log_that_was_written_anew_is_noticed(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, forger: Seal | None
) -> None:
    await adopt(database, Seal(KEY.encode()), clock.now)
    await _append(database, clock, "one", "two", "three")
    await _rewrite_from(database, clock, 3, forger)
    async with database.read() as connection:
        assert await audit.first_broken(connection) is None  # the hashes alone show nothing
    fault, _ = await find_faults(database, _environment(monkeypatch, database), [])
    assert fault == "row 3 does not bear the seal of this key: somebody else wrote it"


async def test_a_log_that_was_cut_is_noticed_by_a_head_that_was_written_down(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await adopt(database, Seal(KEY.encode()), clock.now)
    await _append(database, clock, "one", "two")
    file = tmp_path / "head"
    head = await write_head(database, file)
    assert file.read_text() == f"{head}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    environment = _environment(monkeypatch, database)
    await _append(database, clock, "three")
    assert (await find_faults(database, environment, [head]))[0] == ""
    await _without_triggers(database, "DELETE FROM audit WHERE seq > 1", "UPDATE counter SET value = 1")
    assert (await find_faults(database, environment, []))[0] == ""  # nothing in the database itself shows it
    fault, _ = await find_faults(database, environment, [head])
    assert fault == "row 3, once its head, is missing or another one: it was cut, or made anew"
    fault, _ = await find_faults(database, environment, ["9 " + "0" * 64 + " " + "0" * 64])
    assert "is no head of a log with this key" in fault


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE seal SET from_seq = 99", "changed from where on the database is sealed"),
        ("UPDATE seal SET key_id = 'another'", "give every replica the same key"),
        ("DELETE FROM seal", "the record of their key is gone"),
    ],
)
async def test_who_moves_the_beginning_of_the_seals_is_noticed_and_tandem_does_not_start(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, statement: str, why: str
) -> None:
    seal = Seal(KEY.encode())
    await adopt(database, seal, clock.now)
    await _without_triggers(database, statement)
    assert why in (await find_faults(database, _environment(monkeypatch, database), []))[0]
    with pytest.raises(ConfigError, match=why):
        await adopt(database, seal, clock.now)


async def test_a_replica_with_another_key_does_not_start_until_the_log_is_sealed_anew_on_purpose(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await adopt(database, Seal(KEY.encode()), clock.now)
    with pytest.raises(ConfigError, match="give every replica the same key"):
        await adopt(database, Seal(OTHER.encode()), clock.now)
    environment = _environment(monkeypatch, database, OTHER)
    assert "sealed with the key" in await reseal(environment)
    await adopt(database, Seal(OTHER.encode()), clock.now)
    assert (await find_faults(database, environment, []))[0] == ""


@on_sqlite
async def test_runs_that_were_offered_before_the_seals_are_sealed_with_the_rest(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    books = {"restart": book(verify={"alerts_resolved": False}, rollback=[])}
    pipeline = await Pipeline(database, inbox, clock, Rules(runbooks=books)).prepare()
    await pipeline.send(alert())
    await adopt(database, Seal(KEY.encode()), clock.now)
    night = Night(pipeline, books)
    assert (await night.carry_out(await night.approve())).status is RunStatus.SUCCEEDED


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "tandem.db.seal-key"
    seal = make_seal(None, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) == 64
    assert make_seal(None, file).key_id == read_seal(None, file).key_id == seal.key_id
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert make_seal(KEY, file).key_id != seal.key_id
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        make_seal(None, file)


@pytest.mark.parametrize("key", ["short", "x" * 15])
def test_a_key_that_could_be_guessed_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TANDEM_SEAL_KEY: a key of 16 characters or more"):
        make_seal(key, tmp_path / "key")
