"""Two replicas of remediation on one PostgreSQL: one of them carries out a run, and the other when that is gone."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.run import RunStatus, StepStatus
from tests.integration.remediation.remediation_replica import Fleet, fleet

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def two(database_url: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(database_url, tmp_path) as found:
        yield found


async def test_a_live_replica_takes_up_what_was_in_flight_in_one_that_was_killed_although_nobody_told_it(
    two: Fleet,
) -> None:
    first = await two.start("first", ["first"])
    in_flight = "echo x >> {0}; test $(wc -l < {0}) -gt 1 || sleep 60"
    check = two.shell("test -e checked")
    await two.approve("settled", [two.shell(in_flight.format("checked"), check=check), two.shell("echo y >> checked")])
    await two.approve("repeated", [two.shell(in_flight.format("repeatable"), repeatable=True)])
    await two.approve("doubted", [two.shell(in_flight.format("unknown"))])
    for name in ("checked", "repeatable", "unknown"):
        await two.until_marked(name, 1)
    await first.kill()
    await two.start("second", ["second"])
    await two.ended("settled", RunStatus.SUCCEEDED)
    await two.ended("repeated", RunStatus.SUCCEEDED)
    doubted = await two.ended("doubted", RunStatus.FAILED)
    assert two.marks("checked") == ["x", "y"]
    assert two.marks("repeatable") == ["x", "x"]
    assert two.marks("unknown") == ["x"]
    assert "whether it took effect is not known. There is" in doubted.outcome
    assert [step.status for step in await two.steps_of("doubted")] == [StepStatus.IN_DOUBT]
    assert "its check says that it took effect" in (await two.steps_of("settled"))[0].output


async def test_of_two_that_start_a_run_one_carries_it_out_and_when_it_stalled_and_returns_it_does_nothing_more(
    two: Fleet,
) -> None:
    replicas = {name: await two.start(name) for name in ("first", "second")}
    long = two.shell("echo $$ begun >> long; sleep 60; echo late >> long", check=two.shell("test -e long"))
    await two.approve("run", [two.shell("echo before >> marks"), long, two.shell("echo after >> marks")])
    await two.until_marked("long", 2)
    command = int(two.marks("long")[0])
    stalled = replicas.pop((await two.workflows())["run"][1])
    [other] = replicas.values()
    stalled.send_signal(signal.SIGSTOP)
    await other.recover(stalled)
    await two.ended("run", RunStatus.SUCCEEDED)
    written = await two.audited("run")
    stalled.send_signal(signal.SIGCONT)
    await stalled.says("run.taken_over")
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)
    assert two.marks("marks") == ["before", "after"]
    assert written == ["run.running", *["run.step.started", "run.step.succeeded"] * 3, "run.verifying", "run.succeeded"]
    assert await two.audited("run") == written
    assert (await two.workflows())["run"] == ("SUCCESS", other.name)
    assert await stalled.leave() == 0
