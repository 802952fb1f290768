"""What a run uses of DBOS Transact: it remembers the steps that are done, and who carries out a workflow.

DBOS writes a new token into ``owner_xid`` of a workflow's row each time that it hands the workflow to a process, and
records a step only while that token is there. Our own writes and the steps' effects look at the same token (see
:func:`bot.storage.queries.runs.check_claim`): so there is one truth about who carries out a run, and a process that was
stalled while another took over does nothing more. https://docs.dbos.dev/explanations/system-tables
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar

import structlog
from dbos import DBOS, error
from dbos._context import assert_current_dbos_context
from sqlalchemy.exc import DBAPIError

from bot.domain.run import RunStatus
from bot.errors import LostLease, StorageUnavailable
from bot.remediation.sequence import P, Work, carry_out
from bot.remediation.steps import Steps
from bot.storage.queries.runs import Claim

log = structlog.get_logger(__name__)
T = TypeVar("T")

Workflow = Callable[[str], Coroutine[Any, Any, None]]


def define_workflow(steps: Steps, loop: asyncio.AbstractEventLoop) -> Workflow:
    """Register the workflow of a run with DBOS, before it is launched. The steps work on ``loop``."""

    @DBOS.workflow(name="run")
    async def run(run_id: str) -> None:
        claim = Claim(run_id, assert_current_dbos_context().owner_xid or "")

        async def once(work: Work[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
            async def step() -> T:
                return await _on(loop, _held(claim, work(claim, *args, **kwargs)))

            return await DBOS.run_step_async({"name": work.__name__}, step)

        try:
            await carry_out(steps, once)
        except Exception as why:
            log.error("run.broke_off", run=run_id, exc_info=why)
            said = "An error inside Tandem broke this off: somebody has to look."
            await once(steps.finish, RunStatus.FAILED, said)

    return run


async def recover(executor_id: str) -> int:
    """Hand the workflows of a process that is gone to those that live; returns how many. Twice does no harm."""
    handed = await asyncio.to_thread(DBOS._recover_pending_workflows, [executor_id])
    return len(handed)


async def forget(run_ids: Collection[str]) -> None:
    """Delete what is remembered of runs that are over for long. Raises StorageUnavailable."""
    try:
        await DBOS.delete_workflows_async(list(run_ids))
    except DBAPIError as why:
        raise StorageUnavailable(str(why.orig)) from why


async def _held(claim: Claim, work: Coroutine[Any, Any, T]) -> T:
    """DBOS lets go of a workflow in which its own error for this is raised, and records nothing."""
    try:
        return await work
    except LostLease:
        log.warning("run.taken_over", run=claim.run_id)
        raise error.DBOSWorkflowConflictIDError(claim.run_id) from None


async def _on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """DBOS runs recovered workflows on a loop of its own, and connections belong to one."""
    if asyncio.get_running_loop() is loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
