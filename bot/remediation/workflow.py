"""The durable workflow of a run, on DBOS Transact, and the loop that starts one for every approved run.

The wait for an approval is a row, not a sleeping workflow: an offer can then expire, be withdrawn and be
decided in the same transaction as its audit entry. From the approval on, DBOS remembers which steps are
done, and after a crash goes on behind them. A run's id is its workflow's id, so that starting it twice is
starting it once. https://docs.dbos.dev/python/tutorials/workflow-tutorial
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID

from bot.domain.run import Phase, Run, RunStatus
from bot.domain.runbook import Runbook
from bot.errors import StorageUnavailable
from bot.remediation.approval import lapse
from bot.remediation.steps import Steps
from bot.storage import runs
from bot.storage.database import Database

# Fixed, so that a new release takes up the runs that an old one left; change it when the order of steps changes.
WORKFLOW_VERSION = "1"
POLL = 1.0

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Remediation:
    """Starts a workflow for every approved run, and lets offers lapse."""

    def __init__(
        self,
        database: Database,
        runbooks: Mapping[str, Runbook],
        steps: Steps,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        system_database_url: str,
        executor_id: str = "tandem",
    ) -> None:
        self._database = database
        self._runbooks = runbooks
        self._steps = steps
        self._clock = clock
        self._on_change = on_change
        self._config = DBOSConfig(
            name="tandem",
            system_database_url=system_database_url,
            application_version=WORKFLOW_VERSION,
            executor_id=executor_id,
            console_log_level="ERROR",
            enable_otlp=False,
        )
        self._woken = asyncio.Event()
        self._started: set[str] = set()
        self._workflow: Callable[[str], Coroutine[Any, Any, None]]

    async def launch(self) -> None:
        """Open DBOS's database and take up the workflows that a crash interrupted."""
        loop = asyncio.get_running_loop()
        DBOS(config=self._config)
        self._workflow = _define(self._steps, loop)
        await asyncio.to_thread(DBOS.launch)

    async def close(self, grace: float = 10.0) -> None:
        """Let the steps that are being performed end, and leave; the rest of a run goes on at the next launch."""
        await self._steps.stop(grace)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # A workflow that ran has made DBOS's threads those of our loop, and now they are gone.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            try:
                await self.reconcile()
            except StorageUnavailable as error:
                log.warning("remediation.retry", reason=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            self._woken.clear()

    async def reconcile(self) -> None:
        if await lapse(self._database, self._runbooks, self._clock()):
            self._on_change()
        async with self._database.read() as connection:
            under_way = await runs.with_status(connection, [RunStatus.APPROVED, RunStatus.RUNNING, RunStatus.VERIFYING])
        self._started &= {run.id for run in under_way}
        for run in under_way:
            if run.id not in self._started:
                await self._start(run)

    async def _start(self, run: Run) -> None:
        self._started.add(run.id)
        with SetWorkflowID(run.id):
            await DBOS.start_workflow_async(self._workflow, run.id)
        log.info("run.started", run=run.id, runbook=run.runbook)


def _define(steps: Steps, loop: asyncio.AbstractEventLoop) -> Callable[[str], Coroutine[Any, Any, None]]:
    """Register the workflow and its steps with DBOS."""

    async def here(work: Coroutine[Any, Any, T]) -> T:
        """Work on our own loop: DBOS runs recovered workflows on another, and connections belong to one."""
        if asyncio.get_running_loop() is loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    @DBOS.step(name="begin")
    async def begin(run_id: str) -> bool:
        return await here(steps.begin(run_id))

    @DBOS.step(name="perform")
    async def perform(run_id: str, phase: str, position: int) -> bool:
        return await here(steps.perform(run_id, Phase(phase), position))

    @DBOS.step(name="begin_verification")
    async def begin_verification(run_id: str) -> float:
        return await here(steps.begin_verification(run_id))

    @DBOS.step(name="verify")
    async def verify(run_id: str, deadline: float) -> bool:
        return await here(steps.verify(run_id, deadline))

    @DBOS.step(name="finish")
    async def finish(run_id: str, status: str, outcome: str) -> None:
        await here(steps.finish(run_id, RunStatus(status), outcome))

    @DBOS.step(name="lengths")
    async def lengths(run_id: str) -> tuple[int, int]:
        return await here(steps.lengths(run_id))

    @DBOS.step(name="success_of")
    async def success_of(run_id: str) -> str:
        return await here(steps.success_of(run_id))

    @DBOS.step(name="failure_of")
    async def failure_of(run_id: str) -> str:
        return await here(steps.failure_of(run_id))

    async def all_succeed(run_id: str, phase: Phase, count: int) -> bool:
        for position in range(count):
            if not await perform(run_id, phase.value, position):
                return False
        return True

    async def fall_back(run_id: str, count: int, why: str) -> None:
        """Undo what can be undone, and say how that went."""
        if not count:
            await finish(run_id, RunStatus.FAILED.value, f"{why} There is no rollback: somebody has to look.")
        elif await all_succeed(run_id, Phase.ROLLBACK, count):
            await finish(run_id, RunStatus.ROLLED_BACK.value, f"{why} The rollback succeeded.")
        else:
            failure = await failure_of(run_id)
            await finish(
                run_id, RunStatus.FAILED.value, f"{why} The rollback failed too: somebody has to look. {failure}"
            )

    async def carry_out(run_id: str) -> None:
        if not await begin(run_id):
            return
        forward, backward = await lengths(run_id)
        if not await all_succeed(run_id, Phase.STEP, forward):
            await fall_back(run_id, backward, f"{await failure_of(run_id)}.")
            return
        deadline = await begin_verification(run_id)
        if await verify(run_id, deadline):
            await finish(run_id, RunStatus.SUCCEEDED.value, await success_of(run_id))
        else:
            await fall_back(run_id, backward, "The alerts did not resolve in time.")

    @DBOS.workflow(name="run")
    async def run(run_id: str) -> None:
        try:
            await carry_out(run_id)
        except Exception as error:
            log.error("run.broke_off", run=run_id, exc_info=error)
            await finish(run_id, RunStatus.FAILED.value, "An error inside Tandem broke this off: somebody has to look.")

    return run
