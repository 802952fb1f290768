"""Every step of a run looks whether the run is still its process's own, and does nothing where it is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.domain.run import Phase, RunStatus, StepStatus
from bot.errors import LostLease
from bot.remediation.steps import Steps
from bot.storage import incidents
from bot.storage.runs import Claim
from tests.integration.remediation_replica import Fleet, fleet

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ACTS: dict[str, Callable[[Steps, Claim], Awaitable[object]]] = {
    "begin": lambda steps, claim: steps.begin(claim),
    "lengths": lambda steps, claim: steps.lengths(claim),
    "perform": lambda steps, claim: steps.perform(claim, Phase.STEP, 0),
    "begin_verification": lambda steps, claim: steps.begin_verification(claim),
    "verify": lambda steps, claim: steps.verify(claim, 0),
    "finish": lambda steps, claim: steps.finish(claim, RunStatus.SUCCEEDED, ""),
    "success_of": lambda steps, claim: steps.success_of(claim),
    "failure_of": lambda steps, claim: steps.failure_of(claim),
}


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(database_url, tmp_path) as found:
        yield found


async def test_no_step_does_anything_for_a_run_that_was_handed_on(here: Fleet) -> None:
    steps, claim = await here.without_dbos("run", [here.shell("echo x >> marks")])
    await here.hand_on("run")
    for act in ACTS.values():
        with pytest.raises(LostLease):
            await act(steps, claim)
    assert (await here.run("run")).status is RunStatus.APPROVED
    assert here.marks("marks") == []
    assert await here.audited("run") == []


async def test_what_is_in_flight_when_the_run_is_handed_on_is_broken_off_and_not_written(here: Fleet) -> None:
    steps, claim = await here.without_dbos("run", [here.shell("echo begun >> marks; sleep 60; echo late >> marks")])
    work = asyncio.create_task(steps.perform(claim, Phase.STEP, 0))
    await here.until_marked("marks", 1)
    await here.hand_on("run")
    with pytest.raises(LostLease):
        async with asyncio.timeout(5):
            await work
    assert [step.status for step in await here.steps_of("run")] == [StepStatus.STARTED]
    assert await here.audited("run") == ["run.step.started"]


async def test_a_process_that_was_held_up_before_a_steps_effect_looks_again_whether_the_run_is_its_own(
    here: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.remediation.steps.TRUSTED_FOR", 0.05)
    steps, claim = await here.without_dbos("run", [here.shell("echo x >> marks")])
    async with here.database.write() as connection:
        await incidents.by_id(connection, "incident of run", lock=True)
        work = asyncio.create_task(steps.perform(claim, Phase.STEP, 0))
        await here.locks_waited_for(1)  # it has looked, and cannot write that the step begins
        handed_on = asyncio.create_task(here.hand_on("run"))
        await here.locks_waited_for(2)
    with pytest.raises(LostLease):
        await work
    await handed_on
    assert here.marks("marks") == []
    assert await here.audited("run") == ["run.step.started"]
