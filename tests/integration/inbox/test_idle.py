"""While nothing is to be done nothing is asked of the database; what comes in by whatever way is found at once."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, make_url

from bot.config.model import Config
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.errors import StorageUnavailable
from bot.inbox.backlog import Backlog
from bot.inbox.sql import SqlInbox
from bot.remediation.approval import Terms
from bot.remediation.records import RunRecords
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.remediation.workflow import Remediation
from bot.remediation.workflow_database import workflow_database
from bot.routing.router import Nowhere, Router
from bot.services import Services
from bot.storage.database import Database, open_database
from bot.storage.quiet import FileCommits, Quiet
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import book

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def _counted(*databases: Database) -> Iterator[list[int]]:
    """How many transactions begin, in the first place of the list."""
    begun = [0]

    def begin(_connection: object) -> None:
        begun[0] += 1

    engines = [database.engine.sync_engine for database in databases]
    for engine in engines:
        event.listen(engine, "begin", begin)
    yield begun
    for engine in engines:
        event.remove(engine, "begin", begin)


def _inbox_of(pipeline: Pipeline) -> Database:
    assert isinstance(pipeline.inbox, SqlInbox)
    return pipeline.inbox.database


def test_a_commit_of_another_connection_counts_and_what_is_not_committed_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a file with spaces?.db"
    commits = FileCommits(str(path))
    assert commits.count() is None and not path.exists(), "who only counts makes no file"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE t (x)")
        before = commits.count()
        assert before is not None and commits.count() == before
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (1)")
        assert commits.count() == before
        other.execute("ROLLBACK")
        assert commits.count() == before
        other.execute("INSERT INTO t VALUES (2)")
        assert commits.count() not in (None, before)
    commits.close()


def test_what_is_committed_during_a_look_ends_the_quiet() -> None:
    commits = [1]
    quiet = Quiet(lambda: commits[0])
    assert not quiet.lasts
    quiet.begin()
    commits[0] += 1
    quiet.found_nothing()
    assert not quiet.lasts
    quiet.begin()
    quiet.found_nothing()
    assert quiet.lasts
    without = Quiet(lambda: commits[0], lambda: None)
    without.begin()
    without.found_nothing()
    assert not without.lasts, "where commits are not counted, each look is taken"


@on_sqlite
async def test_idle_loops_ask_nothing_until_another_process_has_committed(pipeline: Pipeline, alert: MakeAlert) -> None:
    inbox = _inbox_of(pipeline)
    backlog = Backlog(pipeline.database, pipeline.inbox, pipeline.clock, pipeline.rules.partitions)
    router = Router(pipeline.database, Config().compiled_routes(), pipeline.clock, Nowhere())

    async def turn() -> None:
        await pipeline.worker.tick()
        await backlog.look()
        await router.route_all()

    await turn()
    await turn()
    with _counted(pipeline.database, inbox) as begun:
        for _ in range(5):
            pipeline.clock.pass_(seconds=1)
            await turn()
        assert begun == [0]
        assert backlog.looked_at == pipeline.clock.now and backlog.problem is None
        another = SqlInbox(open_database(str(inbox.address)), shared=False)
        await Pipeline(pipeline.database, another, pipeline.clock, pipeline.rules).append(alert())
        await backlog.look()
        assert backlog.waiting.entries == 1
        await another.close()
        await pipeline.worker.drain()
        await backlog.look()
        assert backlog.waiting.entries == 0 and len(await pipeline.incidents()) == 1


@on_sqlite
async def test_what_time_alone_changes_is_still_looked_for(pipeline: Pipeline, alert: MakeAlert) -> None:
    """An alert that is held back needs no commit to become due."""
    rules = pipeline.rules.alerts
    resolved = {"status": "resolved"}
    await pipeline.send(alert())
    for _ in range(rules.flapping.changes):
        pipeline.clock.pass_(seconds=1)
        await pipeline.send(alert(**resolved))
        pipeline.clock.pass_(seconds=1)
        await pipeline.send(alert())
    [flapping] = await pipeline.alerts_of(await pipeline.only_incident())
    assert flapping.flapping
    for _ in range(3):
        await pipeline.worker.tick()
    pipeline.clock.pass_(seconds=rules.flapping.quiet.total_seconds())
    await pipeline.worker.tick()
    [calm] = await pipeline.alerts_of(await pipeline.only_incident())
    assert not calm.flapping


@pytest.fixture
async def remediation(pipeline: Pipeline) -> AsyncIterator[Remediation]:
    pipeline.rules = Rules(runbooks={"restart": book()})
    terms = Terms(pipeline.rules.runbooks)
    records = RunRecords(pipeline.database, pipeline.clock, lambda: None)
    url = pipeline.database.address.render_as_string(hide_password=False)
    services = Services(pipeline.database, pipeline.inbox, pipeline.rules, pipeline.clock)
    made = Remediation(services, terms, Steps(records, {}, Start(records, terms)), workflow_database(url))
    await made.launch()
    yield made
    await made.close(grace=1)


@on_sqlite
async def test_dbos_is_not_opened_before_there_is_an_offer_and_idle_remediation_asks_nothing(
    pipeline: Pipeline, remediation: Remediation, alert: MakeAlert
) -> None:
    workflows = Path(str(make_url(workflow_database(str(pipeline.database.address))).database))
    await remediation.reconcile()
    with _counted(pipeline.database) as begun:
        for _ in range(3):
            await remediation.reconcile()
        assert begun == [0] and not workflows.exists()
    offering = Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, pipeline.rules)
    await offering.send(alert(service="checkout"))
    [run] = await offering.runs_of(await offering.only_incident())
    await remediation.reconcile()
    assert workflows.exists(), "a click on the offer does not wait for it"
    pipeline.clock.now = run.expires_at
    await remediation.reconcile()
    [run] = await offering.runs_of(await offering.only_incident())
    assert run.status.ended, "an offer lapses though nothing was committed"


@on_sqlite
async def test_dbos_that_cannot_be_opened_is_opened_anew_once_it_can(
    pipeline: Pipeline, remediation: Remediation, alert: MakeAlert
) -> None:
    workflows = Path(str(make_url(workflow_database(str(pipeline.database.address))).database))
    workflows.mkdir()
    await Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, pipeline.rules).send(alert(service="checkout"))
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match="no approved run begins"):
            await remediation.reconcile()
    workflows.rmdir()
    await remediation.reconcile()
    assert workflows.is_file()
