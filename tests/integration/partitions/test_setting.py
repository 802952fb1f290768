"""The setting, and the command: the first start chooses, then the database decides."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError
from rich.console import Console

from bot.app import App
from bot.cluster.shared_leases import SharedLeases
from bot.commands.parts import partitions as parts
from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.partitions import check_partitions, warning_about_partitions
from bot.components.partitions import offline
from bot.config import Config, Environment
from bot.domain.event import AlertEvent
from bot.errors import ConfigError, Refused, StorageUnavailable
from bot.inbox import offsets, partitions
from bot.inbox.backlog import Backlog
from bot.inbox.inbox import Inbox, open_inbox
from bot.storage.database import Database, open_database
from tests.conftest import Clock
from tests.integration.partitions.estate import Estate, ruled

Make = Callable[..., AlertEvent]
TOKEN = "t" * 32
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def environment(database_url: str, wanted: int | None = None) -> Environment:
    given = {"TANDEM_DATABASE_URL": database_url, "TANDEM_WEBHOOK_TOKEN": TOKEN, "TANDEM_SEAL_KEY": TOKEN}
    return Environment.model_validate(given | ({"TANDEM_PARTITIONS": wanted} if wanted is not None else {}))


async def partitions_of(app: App) -> int:
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(f"{app.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(float(next(line for line in lines if line.startswith("tandem_partitions ")).split()[1]))


def shown(table: object) -> str:
    console = Console(width=100, file=StringIO(), record=True)
    console.print(table)
    return console.export_text()


async def test_the_first_start_chooses_and_then_the_database_decides(database_url: str) -> None:
    async with App(environment(database_url, 4), Config(), port=0) as app:
        assert await partitions_of(app) == 4
        assert "4 partitions" in shown(await parts.show(environment(database_url)))
    for wanted in (64, None):
        async with App(environment(database_url, wanted), Config(), port=0) as app:
            assert await partitions_of(app) == 4
    database = open_database(database_url)
    [finding] = await check_partitions(database, environment(database_url, 64))
    assert (finding.mark, "tandem partitions 64" in str(finding.advice)) == (Mark.WARN, True)
    assert "TANDEM_PARTITIONS=4" in str(await warning_about_partitions(environment(database_url, 64)))
    assert await warning_about_partitions(environment(database_url, 4)) is None
    losses, done = await parts.change(environment(database_url), Config(), 64, yes=False)
    assert (losses, done) == ([], "64 partitions instead of 4: 0 rows have another one now")
    async with App(environment(database_url), Config(), port=0) as app:
        assert await partitions_of(app) == 64
    await database.close()


@pytest.mark.parametrize("wanted", [0, 1025, "many", 2.5])
def test_a_number_that_there_cannot_be_is_refused(wanted: object) -> None:
    with pytest.raises(ValidationError, match="TANDEM_PARTITIONS"):
        Environment.model_validate({"TANDEM_PARTITIONS": wanted})
    if isinstance(wanted, int):
        with pytest.raises(ConfigError, match="1 to 1024"):
            parts.see_that_it_is_possible(wanted)


@on_sqlite
async def test_the_command_refuses_while_a_process_runs_on_the_file(database_url: str) -> None:
    async with App(environment(database_url), Config(), port=0):
        with pytest.raises(StorageUnavailable, match="another Tandem is running"):
            await parts.change(environment(database_url), Config(), 4, yes=True)
        assert "the process that runs" in shown(await parts.show(environment(database_url)))
    assert "nobody" in shown(await parts.show(environment(database_url)))


@on_postgresql
async def test_the_command_refuses_while_a_replica_lives_and_names_it(
    database: Database, database_url: str, inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with App(environment(database_url), Config(), port=0):
        with monkeypatch.context() as patched, pytest.raises(Refused, match="still run"):
            patched.setattr(offline, "GONE_AFTER", 0.0)
            await parts.change(environment(database_url), Config(), 4, yes=True)
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.change(4)
    with pytest.raises(StorageUnavailable, match="has 4 partitions now"):
        await partitions.see_that_it_holds(database, 16, ["cluster"])


@on_postgresql
async def test_who_joins_while_the_number_is_changed_does_not_begin_with_the_old_one(
    database: Database, database_url: str, inbox: Inbox, clock: Clock
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.pipeline.prepare()
    other = open_database(database_url)
    leases = SharedLeases(other, "late", 16)
    async with database.write() as connection, partitions.alone(connection):
        assert await partitions.living(connection) == []
        await leases.start()
        with pytest.raises(StorageUnavailable, match="being changed at this moment"):
            await partitions.see_that_it_holds(other, 16, ["cluster"])
        assert await partitions.living(connection) == ["late"]
    await leases.stop()
    await other.close()


@on_postgresql
async def test_who_joins_while_another_one_starts_is_not_turned_away(
    database: Database, database_url: str, inbox: Inbox, clock: Clock
) -> None:
    await Estate(database, inbox, clock, ruled(16)).pipeline.prepare()
    other = open_database(database_url)
    async with database.write() as connection:
        assert await partitions.choose(connection, 16, inbox.identity) == 16
        await partitions.see_that_it_holds(other, 16, ["cluster"])
    await other.close()


async def test_of_two_that_start_on_a_new_database_one_chooses(database: Database) -> None:
    async def start(wanted: int) -> int:
        async with database.write() as connection:
            return await partitions.choose(connection, wanted, "database")

    first, second = await asyncio.gather(start(4), start(7))
    assert first == second
    async with database.read() as connection:
        assert await partitions.count(connection) == first


async def test_a_process_that_finds_another_number_ends(database: Database, inbox: Inbox, clock: Clock) -> None:
    async with database.write() as connection:
        await offsets.prepare(connection, 4)
    with pytest.raises(ConfigError, match="has 4 partitions now, and had 16"):
        await Backlog(database, inbox, clock, 16).look()
    await Backlog(database, inbox, clock, 4).look()


KILLED = """
import asyncio, os, signal, sys
from bot.inbox import partitions
from bot.commands.parts import partitions as parts
from tests.integration.partitions.test_setting import environment
from bot.config import Config

async def die(*args):
    await before(*args)
    os.kill(os.getpid(), signal.SIGKILL)

before = partitions.replace
partitions.replace = die
asyncio.run(parts.change(environment(sys.argv[1]), Config(), 4, True))
"""


async def test_killed_in_the_middle_all_is_as_it_was_and_it_can_be_done_again(
    database_url: str, clock: Clock, alert: Make
) -> None:
    database = open_database(database_url)
    inbox = open_inbox(database)
    await inbox.prepare(0)
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    await estate.offline.work_off()
    learnt = await estate.learnt()
    program = [sys.executable, "-c", KILLED, database_url]
    ended = await asyncio.to_thread(subprocess.run, program, cwd=Path.cwd(), timeout=120, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    await estate.see_that_all_is_at_home()
    assert await estate.learnt() == learnt
    await estate.change(4)
    await estate.see_that_all_is_at_home()
    assert await estate.learnt() == learnt
    with suppress(Exception):
        await inbox.close()
    await database.close()
