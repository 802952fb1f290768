"""Every step of a run looks whether the run is still its process's own, and does nothing where it is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.run import Phase, RunStatus, StepStatus
from bot.errors import LostLease, StorageUnavailable
from bot.remediation.steps import Steps
from bot.storage.database import Database
from bot.storage.queries import incidents
from bot.storage.queries.runs import Claim
from tests.integration.remediation.remediation_replica import Fleet, fleet

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ACTS: dict[str, Callable[[Steps, Claim], Awaitable[object]]] = {
    "begin": lambda steps, claim: steps.begin(claim),
    "lengths": lambda steps, claim: steps.lengths(claim),
    "perform": lambda steps, claim: steps.perform(claim, Phase.STEP, 0),
    "begin_verification": lambda steps, claim: steps.begin_verification(claim),
    "verify": lambda steps, claim: steps.verify(claim),
    "finish": lambda steps, claim: steps.finish(claim, RunStatus.SUCCEEDED, ""),
    "resolved_by": lambda steps, claim: steps.resolved_by(claim),
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


class _Forgetful(Database):
    """Commits, and every other time its answer is lost."""

    def __init__(self, database: Database) -> None:
        self.__dict__ |= database.__dict__
        self._commits = 0

    @asynccontextmanager
    async def write(self, *, ahead: bool = False) -> AsyncIterator[AsyncConnection]:
        async with super().write(ahead=ahead) as connection:
            yield connection
        self._commits += 1
        if self._commits % 2:
            raise StorageUnavailable("the answer was lost")


async def test_what_was_committed_though_the_answer_was_lost_is_not_written_a_second_time(here: Fleet) -> None:
    _, claim = await here.without_dbos("run", [here.shell("echo x >> marks")])
    steps = here.steps_over(_Forgetful(here.database))
    assert await steps.begin(claim)
    assert await steps.perform(claim, Phase.STEP, 0)
    assert here.marks("marks") == ["x"]
    assert await here.audited("run") == ["run.running", "run.step.started", "run.step.succeeded"]
    async with here.database.read() as connection:
        assert len(await incidents.timeline_of(connection, "incident of run")) == 2


async def test_who_reads_a_timeline_passes_no_entry_that_is_yet_to_be_committed(here: Fleet) -> None:
    await here.approve("run", [])
    first, second = (
        TimelineEntry(incident_id="incident of run", at=datetime.now(UTC), kind=TimelineKind.RUN, text=text)
        for text in ("first", "second")
    )

    async def add_second() -> None:
        async with here.database.write() as connection:
            await incidents.add_to_timeline(connection, [second])

    async def read() -> list[str]:
        async with here.database.read() as connection:
            return [entry.text for _, entry in await incidents.timeline_of(connection, "incident of run")]

    async with here.database.write() as connection:
        await incidents.add_to_timeline(connection, [first])  # it has its position now
        adding = asyncio.create_task(add_second())
        await here.locks_waited_for(1)
        assert await read() == []
    await adding
    assert await read() == ["first", "second"]
