"""The order in which a run does things: forward, verify, and back where that failed. What a step does is elsewhere."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from bot.domain.run import Phase, RunStatus
from bot.remediation.steps import Steps
from bot.storage.queries.runs import Claim

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Claim, P], Coroutine[Any, Any, T]]


class Once(Protocol):
    """Do a piece of work for the run, or say what it returned when it was done before a crash."""

    async def __call__(self, work: Work[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


async def carry_out(steps: Steps, once: Once) -> None:
    """A run from its approval to its end."""
    if not await once(steps.begin):
        return
    forward, backward = await once(steps.lengths)
    if not await _all_succeed(steps, once, Phase.STEP, forward):
        await _fall_back(steps, once, backward, f"{await once(steps.failure_of)}.")
        return
    deadline = await once(steps.begin_verification)
    if await once(steps.verify, deadline):
        await once(steps.finish, RunStatus.SUCCEEDED, await once(steps.success_of))
    else:
        await _fall_back(steps, once, backward, "The alerts did not resolve in time.")


async def _all_succeed(steps: Steps, once: Once, phase: Phase, count: int) -> bool:
    for position in range(count):
        if not await once(steps.perform, phase, position):
            return False
    return True


async def _fall_back(steps: Steps, once: Once, count: int, why: str) -> None:
    """Undo what can be undone, and say how that went."""
    if not count:
        await once(steps.finish, RunStatus.FAILED, f"{why} There is no rollback: somebody has to look.")
    elif await _all_succeed(steps, once, Phase.ROLLBACK, count):
        await once(steps.finish, RunStatus.ROLLED_BACK, f"{why} The rollback succeeded.")
    else:
        failure = await once(steps.failure_of)
        said = f"{why} The rollback failed too: somebody has to look. {failure}"
        await once(steps.finish, RunStatus.FAILED, said)
