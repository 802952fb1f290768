"""A replica is killed, or frozen, in the middle of an approved step: another finishes the run and repeats nothing."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, ON_CALL, alert, runbook, until
from tests.acceptance.ledger import rows
from tests.acceptance.postgresql_server import PostgresqlServer, postgresql_server
from tests.acceptance.replica import Replica, new_replica


class Pair:
    """Two replicas, and the server that they share."""

    def __init__(self, server: PostgresqlServer, slack: LocalSlack, members: list[Replica], folder: Path) -> None:
        self._server, self._slack, self.members, self._folder = server, slack, members, folder

    async def start(self) -> None:
        for member in self.members:
            member.tandem.configure(_config(self._folder))
            await member.tandem.start()

    def marks(self, service: str) -> list[str]:
        """What the steps left, a word for each time that one took effect."""
        file = self._folder / service
        return file.read_text().split() if file.exists() else []

    async def in_the_middle_of_a_step(self, service: str) -> tuple[Replica, Replica, str]:
        """An alert, an offer, a click, and the long step has begun. Returns who is at it, who is not, and the run."""
        replica = self.members[0].tandem
        assert await replica.deliver(alert(service=service, cluster=service)) == 202
        message = await replica.message("run.approve", service, seconds=20)
        await self._slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")

        async def begun() -> bool:
            return self.marks(service) == ["begun"]

        await until(begun, "the step has begun", 20)
        newest = "SELECT workflow_uuid, executor_id FROM dbos.workflow_status ORDER BY created_at DESC LIMIT 1"
        [(run, executor)] = await rows(self._server.address, newest)
        [busy] = [member for member in self.members if member.name == executor]
        [idle] = [member for member in self.members if member.name != executor]
        return busy, idle, run

    async def finished_by(self, replica: Replica, service: str) -> None:
        """The alerts resolve, the run is verified, and the message says so; the thread says how the step ended."""
        await self.members[0].tandem.message("verifying", service, seconds=30)
        assert await replica.tandem.deliver(alert("resolved", service=service, cluster=service)) == 202
        message = await replica.tandem.message("succeeded", service, seconds=20)
        assert self.marks(service) == ["begun", "after"]

        async def told() -> bool:
            replies = self._slack.replies(CHANNEL, message["ts"])
            return any("its check says that it took effect" in json.dumps(reply) for reply in replies)

        await until(told, "the thread says how the step was settled", 20)

    async def audited(self, run: str) -> list[str]:
        query = f"SELECT action FROM audit WHERE subject = 'run {run}' ORDER BY seq"
        return [action for (action,) in await rows(self._server.address, query)]


def _config(folder: Path) -> dict[str, Any]:
    """Two steps that leave a word each; the first takes longer than anybody waits."""
    for name, script in (("long", f"echo begun >> {folder}/$1; sleep 60; echo late"), ("after", "echo after")):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script} >> {folder}/$1\n")
        program.chmod(0o755)
    check = {"command": {"argv": ["test", "-e", f"{folder}/${{service}}"]}}
    steps = [
        {"command": {"argv": [f"{folder}/long", "${service}"], "timeout": "2m", "check": check}},
        {"command": {"argv": [f"{folder}/after", "${service}"]}},
    ]
    return {"runbooks": {"restart": runbook("true") | {"when": {"alertname": "HighLatency"}, "steps": steps}}}


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(postgresql_server())
        slack = await stack.enter_async_context(LocalSlack())
        members = [await new_replica(name, tmp_path / name, server, slack, {}, stack) for name in ("r1", "r2")]
        pair = Pair(server, slack, members, tmp_path)
        await pair.start()
        yield pair


async def test_a_run_outlives_a_replica_that_is_killed_and_one_that_is_frozen(pair: Pair) -> None:
    killed, other, _ = await pair.in_the_middle_of_a_step("checkout")
    await killed.tandem.kill()
    await pair.finished_by(other, "checkout")
    await killed.tandem.start()
    frozen, other, run = await pair.in_the_middle_of_a_step("payments")
    frozen.send_signal(signal.SIGSTOP)
    await pair.finished_by(other, "payments")

    async def over() -> bool:
        return (await pair.audited(run))[-1] == "run.succeeded"

    await until(over, "the end is in the audit log", 20)
    written = await pair.audited(run)
    frozen.send_signal(signal.SIGCONT)
    await until(frozen.ready, "the frozen one is ready again", 20)

    async def noticed() -> bool:
        return "run.taken_over" in frozen.tandem.log.read_text()

    await until(noticed, "the frozen one has noticed", 20)
    assert pair.marks("payments") == ["begun", "after"]
    assert await pair.audited(run) == written and written.count("run.succeeded") == 1
