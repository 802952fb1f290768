"""Remediation alone as a program, so that several can work on one database, be killed, stalled and brought back.

On standard input it takes lines with ``recover REPLICA``; on standard output it says that it is ready, and its log.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import run_dbos_database_migrations
from sqlalchemy import make_url, text

from bot.cluster.leases import SoleLeases
from bot.domain.incident import Incident, IncidentStatus
from bot.domain.rules import Rules
from bot.domain.run import Decision, Plan, PlannedStep, Run, RunStatus, StepRecord, plan_hash
from bot.domain.runbook import Runbook, definition_hash
from bot.domain.severity import Severity
from bot.inbox.inbox import open_inbox
from bot.remediation.approval import Terms
from bot.remediation.records import RunRecords
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.remediation.workflow import Remediation
from bot.services import Services
from bot.storage.database import Database, open_database
from bot.storage.queries import incidents, runs
from bot.storage.queries.runs import Claim
from tests.acceptance.harness import until
from tests.programs import Program, start_program

RUNBOOKS = {
    "restart": Runbook.model_validate(
        {
            "title": "Restart",
            "when": {"service": "checkout"},
            "steps": [{"command": {"argv": ["true"]}}],
            "approval": {"approvers": ["U1"]},
        }
    )
}
TERMS = Terms(RUNBOOKS)


def _now() -> datetime:
    return datetime.now(UTC)


def workflow_database(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class _Named(SoleLeases):
    """Of a replica with a name; ``known`` are the others that live, and without any, all that ever had a workflow."""

    def __init__(self, replica: str, known: Collection[str], database: Database) -> None:
        super().__init__()
        self.replica, self._known, self._database = replica, known, database

    async def members(self) -> Collection[str]:
        if self._known:
            return self._known
        async with self._database.read() as connection:
            query = text("SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE executor_id IS NOT NULL")
            return list(await connection.scalars(query))


async def main(url: str, replica: str, members: Collection[str]) -> None:
    database = open_database(url)
    services = Services(database, open_inbox(database), Rules(), _now, _Named(replica, members, database))
    records = RunRecords(database, _now, lambda: None)
    steps = Steps(records, {}, Start(records, TERMS))
    remediation = Remediation(services, TERMS, steps, workflow_database(url))
    await remediation.launch()
    work = asyncio.create_task(remediation.run())
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        _, gone = line.decode().split()
        await remediation.recover(gone)
    work.cancel()
    await remediation.close(grace=1)
    await database.close()
    print("left", flush=True)


class Replica:
    """One such program under test."""

    def __init__(self, name: str, log: Path, process: Program) -> None:
        self.name, self._log, self._process = name, log, process

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def leave(self) -> int:
        """Ask it to end, and wait."""
        self._process.close_stdin()
        return await self._process.wait()

    async def recover(self, gone: "Replica") -> None:
        self._process.write(f"recover {gone.name}\n")

    def logged(self) -> str:
        return self._log.read_text()

    async def says(self, words: str, seconds: float = 40) -> None:
        async def said() -> bool:
            assert self._process.returncode is None, self.logged()
            return words in self.logged()

        try:
            await until(said, f"{self.name} says {words!r}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logged()}") from error


class Fleet:
    """Replicas on one database and looks at what they did. ``folder`` is for logs and what steps leave."""

    def __init__(self, database: Database, url: str, folder: Path, stack: AsyncExitStack) -> None:
        self.database, self._url, self.folder, self._stack = database, url, folder, stack

    async def start(self, name: str, members: Collection[str] = ()) -> Replica:
        log = self.folder / f"{name}.log"
        process = await start_program(__name__, self._url, name, *members, environment=os.environ, out=log)
        replica = Replica(name, log, process)
        self._stack.push_async_callback(replica.kill)
        await replica.says("ready")
        return replica

    async def approve(self, run_id: str, steps: Sequence[PlannedStep], rollback: Sequence[PlannedStep] = ()) -> None:
        """An incident of its own with an approved run of these steps, which asks for no verification."""
        definition = definition_hash(RUNBOOKS["restart"])
        plan = Plan("restart", definition, run_id, list(steps), list(rollback), 5.0, False)
        now = _now()
        async with self.database.write() as connection:
            incident = Incident(
                id=f"incident of {run_id}",
                number=(await incidents.take_numbers(connection, 1))[0],
                domain="d",
                partition=0,
                status=IncidentStatus.TRIGGERED,
                severity=Severity.CRITICAL,
                opened_at=now,
                active_at=now,
                changed_at=now,
            )
            await incidents.save(connection, [incident], {})
            run = Run(
                id=run_id,
                incident_id=incident.id,
                partition=0,
                runbook="restart",
                plan=plan,
                plan_hash=plan_hash(plan),
                status=RunStatus.APPROVED,
                approvers=["U1"],
                required=1,
                decisions=[Decision("U1", "approve", now)],
                created_at=now,
                expires_at=now + timedelta(hours=1),
            )
            await runs.save(connection, [run])

    async def without_dbos(self, run_id: str, steps: Sequence[PlannedStep]) -> tuple[Steps, Claim]:
        """An approved run's steps without DBOS behind them, only with its row of the workflow; and a claim to it."""
        await asyncio.to_thread(run_dbos_database_migrations, workflow_database(self._url))
        await self.approve(run_id, steps)
        claim = Claim(run_id, "mine")
        async with self.database.write() as connection:
            await connection.execute(
                text("INSERT INTO dbos.workflow_status (workflow_uuid, owner_xid) VALUES (:run_id, :owner)"),
                {"run_id": claim.run_id, "owner": claim.owner},
            )
        return self.steps_over(self.database), claim

    def steps_over(self, database: Database) -> Steps:
        records = RunRecords(database, _now, lambda: None)
        return Steps(records, {}, Start(records, TERMS))

    async def run(self, run_id: str) -> Run:
        async with self.database.read() as connection:
            run = await runs.by_id(connection, run_id)
        assert run is not None
        return run

    async def steps_of(self, run_id: str) -> list[StepRecord]:
        async with self.database.read() as connection:
            return await runs.steps_of(connection, [run_id])

    async def ended(self, run_id: str, status: RunStatus, seconds: float = 40) -> Run:
        async def so() -> bool:
            return (await self.run(run_id)).status is status

        try:
            await until(so, f"{run_id} is {status}", seconds)
        except AssertionError as error:
            logs = "\n".join(log.read_text()[-3000:] for log in self.folder.glob("*.log"))
            raise AssertionError(f"{error}\n{await self.run(run_id)}\n{logs}") from error
        return await self.run(run_id)

    async def audited(self, run_id: str) -> list[str]:
        """The actions in the audit log, in order."""
        query = text("SELECT action FROM audit WHERE subject = :subject ORDER BY seq")
        async with self.database.read() as connection:
            return [action for (action,) in await connection.execute(query, {"subject": f"run {run_id}"})]

    async def workflows(self) -> dict[str, tuple[str, str]]:
        """Of each workflow its status and executor, as DBOS has them."""
        query = text("SELECT workflow_uuid, status, executor_id FROM dbos.workflow_status")
        async with self.database.read() as connection:
            return {run: (status, executor) for run, status, executor in await connection.execute(query)}

    async def hand_on(self, run_id: str) -> None:
        """What DBOS does to a workflow's row when it hands the workflow to another process."""
        async with self.database.write() as connection:
            await connection.execute(
                text("UPDATE dbos.workflow_status SET owner_xid = 'another' WHERE workflow_uuid = :run"),
                {"run": run_id},
            )

    async def locks_waited_for(self, count: int) -> None:
        query = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )

        async def so() -> bool:
            async with self.database.read() as connection:
                return (await connection.execute(query)).scalar() == count

        await until(so, f"{count} wait for a lock")

    def marks(self, name: str) -> list[str]:
        """The words that steps left in a file."""
        file = self.folder / name
        return file.read_text().split() if file.exists() else []

    async def until_marked(self, name: str, words: int) -> None:
        async def so() -> bool:
            return len(self.marks(name)) == words

        await until(so, f"{name} holds {words} words", 40)

    def shell(self, script: str, **fields: Any) -> PlannedStep:
        """A step that runs a script in the folder."""
        argv = ["sh", "-c", f"cd {self.folder}; {script}"]
        return PlannedStep("command", {"argv": argv, "timeout": "60s"}, script, **fields)


@asynccontextmanager
async def fleet(url: str, folder: Path) -> AsyncIterator[Fleet]:
    """On a database that has the newest schema; whoever still runs is killed on leaving."""
    database = open_database(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        yield Fleet(database, url, folder, stack)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
