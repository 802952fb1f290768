"""What of DBOS Tandem leans on beyond its documentation. Where one of these fails after an upgrade of DBOS, the message
says which part of Tandem no longer holds."""

import asyncio
import inspect
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS, SetWorkflowID, _workflow_commands
from dbos import _serialization as serialization
from dbos import error as dbos_errors
from dbos._context import assert_current_dbos_context

from bot.remediation import durable, workflow_store

Work = Callable[[str], Coroutine[Any, Any, Any]]


@asynccontextmanager
async def _dbos(folder: Path, executor: str, define: Callable[[], Work]) -> AsyncIterator[Work]:
    DBOS(config=workflow_store.settings(f"sqlite:///{folder}/workflows.db", executor))
    work = define()
    await asyncio.to_thread(DBOS.launch)
    try:
        yield work
    finally:
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


def _rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "workflows.db")) as connection:
        return connection.execute(query).fetchall()


def _step_that(does: Callable[[], Any]) -> Callable[[], Work]:
    def define() -> Work:
        async def step() -> Any:
            return does()

        @DBOS.workflow(name="run")
        async def run(run_id: str) -> Any:
            return await DBOS.run_step_async({"name": "step"}, step)

        return run

    return define


async def _ended(work: Work, name: str) -> Any:
    with SetWorkflowID(name):
        handle = await DBOS.start_workflow_async(work, name)
    return await handle.get_result()


async def test_what_dbos_stores_of_a_run_is_json_and_a_quiet_start_logs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("dbos").propagate = True
    async with _dbos(tmp_path, "here", _step_that(lambda: [1, "two"])) as work:
        assert await _ended(work, "r") == [1, "two"]
    kinds = _rows(
        tmp_path, "SELECT serialization FROM workflow_status UNION SELECT serialization FROM operation_outputs"
    )
    assert kinds == [("portable_json",)], "DBOS no longer stores JSON: see bot/remediation/workflow_store.py"
    assert _rows(tmp_path, "SELECT inputs FROM workflow_input") == [('{"namedArgs":{},"positionalArgs":["r"]}',)]
    assert [record.message for record in caplog.records if record.name == "dbos"] == []


async def test_a_pickle_that_somebody_wrote_into_the_database_is_not_run(tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return (marks.write_text, ("it ran",))

    async with _dbos(tmp_path, "here", _step_that(lambda: 1)) as work:
        await _ended(work, "r")
        with closing(sqlite3.connect(tmp_path / "workflows.db")) as connection:
            pickled = serialization.DBOSDefaultSerializer.serialize(Attack())
            connection.execute("UPDATE workflow_status SET serialization = 'py_pickle'")
            connection.execute("UPDATE workflow_output SET output = ?", [pickled])
            connection.commit()
        handle: Any = await DBOS.retrieve_workflow_async("r")
        with pytest.raises(Exception, match="only plain values are read"):
            await handle.get_result()
    assert not marks.exists(), "DBOS unpickles by another way than DBOSDefaultSerializer: see workflow_store.py"


async def test_a_workflow_knows_the_token_in_its_row_by_which_it_owns_the_run(tmp_path: Path) -> None:
    def define() -> Work:
        @DBOS.workflow(name="run")
        async def run(run_id: str) -> list[Any]:
            [(stored,)] = _rows(tmp_path, "SELECT owner_xid FROM workflow_status WHERE workflow_uuid = 'r'")
            return [assert_current_dbos_context().owner_xid, stored]

        return run

    async with _dbos(tmp_path, "here", define) as work:
        known, stored = await _ended(work, "r")
    why = "DBOS keeps its owner token elsewhere: claims to runs (durable.py, storage/queries/runs.py) no longer hold"
    assert stored, why
    assert known == stored, why


async def test_a_workflow_that_raises_dbos_conflict_records_nothing_and_stays_pending(tmp_path: Path) -> None:
    def conflict() -> None:
        raise dbos_errors.DBOSWorkflowConflictIDError("r")

    async with _dbos(tmp_path, "here", _step_that(conflict)) as work:
        with SetWorkflowID("r"):
            await DBOS.start_workflow_async(work, "r")
        async with asyncio.timeout(10):
            while not _rows(tmp_path, "SELECT 1 FROM workflow_status WHERE workflow_uuid = 'r'"):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        why = "DBOS records the step of a run that another process took over: see _held in durable.py"
        assert _rows(tmp_path, "SELECT status FROM workflow_status") == [("PENDING",)], why
        assert _rows(tmp_path, "SELECT * FROM operation_outputs") == [], why


def test_the_interval_of_dbos_background_jobs_is_where_it_is_set() -> None:
    why = "DBOS keeps the interval of its background jobs elsewhere: an idle process takes more CPU (workflow_store.py)"
    assert "_BACKGROUND_JOBS_INTERVAL_SEC" in inspect.getsource(_workflow_commands.background_jobs_thread), why


async def test_a_workflow_of_a_process_that_is_gone_is_taken_up_once_however_often_it_is_recovered(
    tmp_path: Path,
) -> None:
    why = "DBOS._recover_pending_workflows changed: what a replica that is gone has left is not taken up (durable.py)"
    assert list(inspect.signature(DBOS._recover_pending_workflows).parameters) == ["executor_ids"], why
    begun: list[str] = []

    def define() -> Work:
        @DBOS.workflow(name="run")
        async def run(run_id: str) -> None:
            begun.append(run_id)

        return run

    async with _dbos(tmp_path, "gone", define):
        pass
    with closing(sqlite3.connect(tmp_path / "workflows.db")) as connection:
        connection.execute(
            "INSERT INTO workflow_status (workflow_uuid, status, name, executor_id, application_version,"
            " application_name, owner_xid, serialization, created_at, updated_at)"
            " VALUES ('r', 'PENDING', 'run', 'gone', '1', 'tandem', 'x', 'portable_json', 1, 1)"
        )
        connection.execute(
            "INSERT INTO workflow_input (workflow_uuid, inputs, retention_timestamp)"
            """ VALUES ('r', '{"namedArgs":{},"positionalArgs":["r"]}', 1)"""
        )
        connection.commit()
    async with _dbos(tmp_path, "here", define):
        assert await durable.recover("gone") == 1, why
        handle: Any = await DBOS.retrieve_workflow_async("r")
        async with asyncio.timeout(20):
            await handle.get_result()
        assert await durable.recover("gone") == 0, why
    assert begun == ["r"], why
    assert _rows(tmp_path, "SELECT status, executor_id FROM workflow_status") == [("SUCCESS", "here")], why
