"""The order in which a run does things: forward, verify, and back where that failed. What a step does is elsewhere."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from bot.domain.run import Phase, RunStatus
from bot.domain.runs.verification import Verdict
from bot.remediation.steps import Steps
from bot.remediation.verifying import Ending
from bot.storage.queries.runs import Claim

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Claim, P], Coroutine[Any, Any, T]]


_BEFORE = {
    True: (Verdict.VERIFIED, "Verified: the alerts have resolved."),
    False: (Verdict.STILL_FIRING, "The alerts did not resolve in time."),
}


class Once(Protocol):
    """Do a piece of work for the run, or say what it returned when it was done before a crash."""

    async def __call__(self, work: Work[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


async def carry_out(steps: Steps, once: Once) -> None:
    """A run from its approval to its end."""
    if not await once(steps.begin):
        return
    forward, backward = await once(steps.lengths)
    done = await _all_succeed(steps, once, Phase.STEP, forward)
    if done is None:
        await once(steps.finish, RunStatus.STOPPED, await once(steps.stop_words))
        return
    if not done:
        await _fall_back(steps, once, backward, f"{await once(steps.failure_of)}.")
        return
    await once(steps.begin_verification)
    verdict, words = _read(await once(steps.verify))
    if verdict is Verdict.STILL_FIRING:
        await _fall_back(steps, once, backward, words)
    else:
        await once(steps.finish, *_end_without_rollback(verdict, words))


def _read(ending: Any) -> Ending:
    """As it was stored: a list, or of a release before only whether it was verified."""
    if isinstance(ending, bool):
        return _BEFORE[ending]
    verdict, words = ending
    return Verdict(verdict), words


def _end_without_rollback(verdict: Verdict, words: str) -> tuple[RunStatus, str]:
    if verdict is Verdict.NO_EVIDENCE:
        return RunStatus.FAILED, f"{words} Nothing was rolled back: somebody has to look."
    if verdict is Verdict.TAKEN_OVER:
        return RunStatus.STOPPED, f"{words} Nothing was rolled back."
    return RunStatus.SUCCEEDED, words


async def _all_succeed(steps: Steps, once: Once, phase: Phase, count: int) -> bool | None:
    """None where one is not even begun: a person has taken charge, or a freeze window has opened."""
    for position in range(count):
        succeeded = await once(steps.perform, phase, position)
        if not succeeded:
            return succeeded
    return True


async def _fall_back(steps: Steps, once: Once, count: int, why: str) -> None:
    """Undo what can be undone, and say how that went."""
    if not count:
        await once(steps.finish, RunStatus.FAILED, f"{why} There is no rollback: somebody has to look.")
        return
    undone = await _all_succeed(steps, once, Phase.ROLLBACK, count)
    if undone:
        await once(steps.finish, RunStatus.ROLLED_BACK, f"{why} The rollback succeeded.")
    elif undone is None:
        who = await once(steps.resolved_by)
        text = f"{why} Stopped: {who or 'somebody'} has resolved the incident. Nothing was rolled back."
        await once(steps.finish, RunStatus.STOPPED, text)
    else:
        failure = await once(steps.failure_of)
        text = f"{why} The rollback failed too: somebody has to look. {failure}"
        await once(steps.finish, RunStatus.FAILED, text)
