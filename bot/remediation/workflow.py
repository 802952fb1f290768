"""The loop that starts a durable workflow for every approved run, and takes up those of replicas that are gone.

The wait for an approval is a row, not a sleeping workflow: an offer can then expire, be withdrawn and be
decided in the same transaction as its audit entry. From the approval on, DBOS remembers which steps are
done, and after a crash goes on behind them. A run's id is its workflow's id, so that starting it twice is
starting it once. https://docs.dbos.dev/python/tutorials/workflow-tutorial

Of several replicas one starts workflows, the holder of the role. A workflow
stays with the replica that began it. When that replica is gone, its workflows go through DBOS's queue to any that
lives: https://docs.dbos.dev/production/workflow-recovery
"""

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic

import structlog
from dbos import DBOS, SetWorkflowID
from dbos import error as dbos_errors
from sqlalchemy.exc import DBAPIError

from bot.domain.run import GATE, Run, RunStatus
from bot.errors import StorageUnavailable
from bot.remediation import durable, workflow_store
from bot.remediation.approval import Terms, lapse
from bot.remediation.autonomy.announcing import Announcing
from bot.remediation.drills.live import close_drills
from bot.remediation.drills.rehearsal import Means
from bot.remediation.drills.schedule import ScheduledDrills
from bot.remediation.gate_preview import GatePreviews
from bot.remediation.offers.guard_looks import GuardLooks
from bot.remediation.offers.step_previews import StepPreviews
from bot.remediation.steps import Steps
from bot.remediation.workflow_database import NO_RUN_BEGINS, WorkflowProbe
from bot.services import Services
from bot.storage.queries import runs
from bot.storage.queries.listed.runs import drills_that_are_over
from bot.storage.quiet import Quiet

ROLE = "remediation"
POLL = 1.0
_REST = 0.1
"""After a look: changes come by the dozen in a storm, and few are of a run."""
_UNDER_WAY = (RunStatus.APPROVED, RunStatus.RUNNING, RunStatus.VERIFYING)
GONE_AFTER = 3.0

log = structlog.get_logger(__name__)


class Remediation:
    """Starts a workflow for every approved run, lets offers lapse, and asks the gates of those that wait.

    It does so while this replica holds the role. The workflows of a replica that is known to be gone are taken up.
    """

    def __init__(self, services: Services, terms: Terms, steps: Steps, system_database_url: str) -> None:
        self._database = services.database
        self._clock = services.clock
        self._leases = services.leases
        self._publish_change = services.broadcast.publish_change
        self._runbooks = runbooks = terms.runbooks
        self._steps = steps
        self._may = partial(services.holds, ROLE)
        self._gates = GatePreviews(self._database, steps.preview, self._clock, self._publish_change, self._may)
        self._previews = StepPreviews(self._database, steps.foresee, self._clock, self._publish_change, self._may)
        self._drills = ScheduledDrills(services, terms, Means(steps.foresee, steps.read_query), self._may)
        self._guards = GuardLooks(self._database, terms, self._clock)
        self._announcing = Announcing(self._database, terms, self._clock)
        self._has_gates = any(step.kind == GATE for runbook in runbooks.values() for step in runbook.steps)
        self._config = workflow_store.settings(system_database_url, services.leases.replica)
        self._probe = WorkflowProbe(system_database_url)
        self._woken = asyncio.Event()
        self._started: set[str] = set()
        self._gone_since: dict[str, float] = {}
        self._quiet = Quiet(self._database.commits)
        self._launching = asyncio.Lock()
        self._workflow: durable.Workflow | None = None
        self.problem = ""
        """Why DBOS's database could not be opened when that was tried last; empty where it was, or was never tried."""

    async def launch(self) -> None:
        """Wait for the steps of an earlier process. Of several replicas each opens DBOS's database at once: it may be
        handed the workflows of another. One that is alone does so with the first offer: see :meth:`reconcile`."""
        await self._steps.wait_for_earlier()
        if not self._database.is_sqlite:
            await self._opened()

    async def health(self) -> str:
        """``ok``, or why no approved run would begin."""
        try:
            await self._probe.check()
        except StorageUnavailable as error:
            return f"{error}: {NO_RUN_BEGINS}"
        return self.problem or "ok"

    async def _opened(self) -> durable.Workflow:
        """With DBOS's database open; the first time, the workflows that a crash interrupted are taken up.

        Raises StorageUnavailable.
        """
        async with self._launching:
            if self._workflow is None:
                try:
                    await self._probe.check(anew=True)  # DBOS itself waits half a minute for a file that is locked
                    self._workflow = await self._launched()
                except Exception as error:
                    self.problem = f"{_reason(error)}: {NO_RUN_BEGINS}"
                    raise StorageUnavailable(self.problem) from error
                self.problem = ""
                self._probe.opened()
        return self._workflow

    async def _launched(self) -> durable.Workflow:
        DBOS(config=self._config)
        workflow = durable.define_workflow(self._steps, asyncio.get_running_loop())
        try:
            await asyncio.to_thread(DBOS.launch)
        except Exception:  # otherwise DBOS takes itself for launched at the next try, and runs nothing
            await _take_down()
            raise
        return workflow

    async def forget(self, run_ids: Collection[str]) -> None:
        """Delete what DBOS remembers of runs that are over for long. Raises StorageUnavailable."""
        if run_ids:
            await self._opened()
            await durable.forget(run_ids)

    async def close(self, grace: float = 10.0) -> None:
        """Let the steps that are being performed end, and leave; the rest of a run goes on at the next launch."""
        await asyncio.gather(self._gates.close(), self._previews.close(), self._drills.close())
        await self._steps.stop(grace)
        if self._workflow is None:
            return
        await _take_down()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            try:
                if self.problem:
                    await self._opened()  # whoever looks after it shall see that it is well again, also without a run
                if self._may():
                    await self.reconcile()
            except (StorageUnavailable, DBAPIError, dbos_errors.DBOSException) as error:
                log.warning("remediation.retry", reason=_reason(error))
            await asyncio.sleep(_REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            self._woken.clear()

    async def reconcile(self) -> None:
        self._drills.look()
        if self._quiet.lasts:
            return
        self._quiet.begin()
        async with self._database.read() as connection:
            found = await runs.with_status(connection, [RunStatus.PROPOSED, *_UNDER_WAY])
            over = await drills_that_are_over(connection)
        offered = [run for run in found if run.status is RunStatus.PROPOSED]
        await self._look_at_offers(offered)
        if not (found or over):
            self._quiet.found_nothing()
            return
        closed = await close_drills(self._database, self._clock())
        if closed:
            self._publish_change()
        async with self._database.read() as connection:
            under_way = await runs.with_status(connection, _UNDER_WAY)
        if not (offered or closed or under_way):
            self._quiet.found_nothing()
            return
        await self._opened()  # with the first offer already: a click is not to wait for it
        self._started &= {run.id for run in under_way}
        for run in under_way:
            if run.id not in self._started:
                await self._start(run)
        if under_way:
            await self._take_up_orphans()

    async def _look_at_offers(self, offered: Sequence[Run]) -> None:
        if await lapse(self._database, self._runbooks, offered, self._clock()):
            self._publish_change()
            return  # and look again at once, at those that are left
        if self._has_gates:
            await self._gates.look(offered)
        await self._previews.look(offered)
        if offered and await self._guards.look() | await self._announcing.look():
            self._publish_change()

    async def recover(self, replica: str) -> None:
        """Take up the workflows of a replica that is gone. Calling it twice does no harm."""
        await self._opened()
        if handed := await durable.recover(replica):
            log.info("run.recovered", replica=replica, runs=handed)

    async def _take_up_orphans(self) -> None:
        """Whatever became of who should have recovered them: no workflow stays with a replica that is gone.

        The members are asked last: a replica becomes one before it begins a workflow. One that was declared dead and
        returns is no member for a moment.
        """
        pending = await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
        gone = {workflow.executor_id or "" for workflow in pending} - set(await self._leases.members())
        now = monotonic()
        self._gone_since = {replica: self._gone_since.get(replica, now) for replica in gone}
        for replica, since in self._gone_since.items():
            if now - since >= GONE_AFTER:
                await self.recover(replica)

    async def _start(self, run: Run) -> None:
        workflow = await self._opened()
        with SetWorkflowID(run.id):
            await DBOS.start_workflow_async(workflow, run.id)
        self._started.add(run.id)
        log.info("run.started", run=run.id, runbook=run.runbook)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)


async def _take_down() -> None:
    await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
    # A workflow that ran has made DBOS's threads those of our loop, and now they are gone.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
