"""An executor is given what its step is for: the run, the incident, and which step of the run it is."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.domain.run import Phase, PlannedStep, StepStatus
from bot.remediation.executors import Outcome, StepContext, StepParameters, execute
from bot.remediation.executors import registry as executors
from bot.storage.queries import runs
from tests.integration.remediation.remediation_replica import fleet

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> list[StepContext]:
    """The contexts with which steps of the kind ``probe`` were performed."""
    contexts: list[StepContext] = []

    async def run(_parameters: Any, context: StepContext) -> Outcome:
        contexts.append(context)
        return Outcome(True, "")

    probe = executors.Executor("probe", StepParameters, lambda _: "probe", run)
    monkeypatch.setitem(executors._all(), "probe", probe)
    return contexts


@on_postgresql
async def test_each_step_of_a_run_is_performed_with_the_ids_of_run_and_incident_and_its_own(
    database_url: str, tmp_path: Path, performed: list[StepContext]
) -> None:
    async with fleet(database_url, tmp_path) as here:
        probe = PlannedStep("probe", {})
        steps, claim = await here.without_dbos("run", [probe, msgspec.structs.replace(probe, check=probe)])
        assert await steps.perform(claim, Phase.STEP, 0)
        assert await steps.perform(claim, Phase.STEP, 1)
        run = await here.run("run")
        [_, second] = await here.steps_of("run")
        interrupted = msgspec.structs.replace(second, status=StepStatus.STARTED, ended_at=None)
        async with here.database.write() as connection:
            await runs.save_step(connection, interrupted)
        assert await steps.perform(claim, Phase.STEP, 1)
        await steps.preview(run, 0)
        assert {(context.run_id, context.incident_id) for context in performed} == {("run", "incident of run")}
        assert [context.step for context in performed] == ["step/0", "step/1", "step/1/check", "step/0/preview"]


async def test_the_secrets_of_a_context_are_not_in_what_a_log_would_print(performed: list[StepContext]) -> None:
    await execute(PlannedStep("probe", {}), StepContext("run", "incident", "step/0", {"TOKEN": "hunter2-hunter2"}))
    assert performed[0].secrets == {"TOKEN": "hunter2-hunter2"}
    assert "hunter2" not in repr(performed[0])
