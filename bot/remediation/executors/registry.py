"""The executors that are known. A new one is a new file in this folder, found by itself:

@executor("restart", RestartParameters, describe)
async def run(parameters: RestartParameters, context: StepContext) -> Outcome: ...

One that can say what a step would change, without changing anything, says so in the same file, behind ``run``:

@previews("restart")
async def preview(parameters: RestartParameters, context: StepContext) -> Foreseen | None: ...

None: not with these parameters. It is used where the parameters have ``preview``, and for the kinds of
:data:`bot.domain.run.PREVIEWED_BY_THEMSELVES`.
"""

import asyncio
import difflib
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from bot.domain.run import PlannedStep
from bot.remediation.executors.answers import UNLIKE_ANY
from bot.remediation.executors.masking import masked
from bot.remediation.executors.step import Foreseen, Outcome, StepContext, StepParameters

Look = Callable[[Any, StepContext], Awaitable[Foreseen | None]]
Run = Callable[[Any, StepContext], Awaitable[Outcome]]
Describe = Callable[[Any], str]


class Executor(NamedTuple):
    kind: str
    parameters: type[StepParameters]
    describe: Describe
    run: Run
    holds_steps: bool = False
    """Whether there are steps among its parameters, such as the request that starts a pipeline."""


_known: dict[str, Executor] = {}
_previews: dict[str, Look] = {}


def executor(
    kind: str, parameters: type[StepParameters], describe: Describe, holds_steps: bool = False
) -> Callable[[Run], Run]:
    """Register what performs steps of a kind. Raises ValueError where the kind is taken."""

    def register(run: Run) -> Run:
        if kind in _known:
            raise ValueError(f"two executors are named {kind!r}")
        _known[kind] = Executor(kind, parameters, describe, run, holds_steps)
        return run

    return register


def previews(kind: str) -> Callable[[Look], Look]:
    """Register what finds out what steps of a kind would change. Raises ValueError where the kind has that already."""

    def register(look: Look) -> Look:
        if kind in _previews:
            raise ValueError(f"two previews are for {kind!r}")
        _previews[kind] = look
        return look

    return register


@cache
def _all() -> dict[str, Executor]:
    package = importlib.import_module("bot.remediation.executors")
    for module in pkgutil.iter_modules(package.__path__, "bot.remediation.executors."):
        importlib.import_module(module.name)
    return _known


def _of_kind(kind: str) -> Executor:
    found = _all().get(kind)
    if found is None:
        close = difflib.get_close_matches(kind, _all(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(_all()))}"
        raise ValueError(f"no executor is named {kind!r}; {hint}")
    return found


def parameters_of(kind: str, raw: Mapping[str, Any]) -> StepParameters:
    """Validated parameters. Raises ValueError for an unknown kind, pydantic's ValidationError for the rest."""
    return _of_kind(kind).parameters.model_validate(dict(raw))


def parameter_names(kind: str) -> list[str]:
    """What may be said of steps of a kind. Raises ValueError for an unknown kind."""
    return list(_of_kind(kind).parameters.model_fields)


def holds_steps(kind: str) -> bool:
    """Whether steps of a kind have steps among their parameters. Raises ValueError for an unknown kind."""
    return _of_kind(kind).holds_steps


def describe(kind: str, parameters: StepParameters) -> str:
    """The step as people see it before they approve: exactly what will be done."""
    return _of_kind(kind).describe(parameters)


async def execute(step: PlannedStep, context: StepContext) -> Outcome:
    """Perform a planned step. What goes wrong in it is its outcome, not an error of ours; no secret is in it.

    In a drill nothing is performed, whoever asks: the step is only previewed.
    """
    if context.drill:
        return _drilled(await foresee(step, context))
    found = _of_kind(step.kind)
    outcome = await found.run(found.parameters.model_validate(step.parameters), context)
    return Outcome(outcome.ok, await asyncio.to_thread(masked, outcome.output, context.hidden), outcome.digest)


def _drilled(seen: Foreseen | None) -> Outcome:
    if seen is None:
        return Outcome(True, "Drill: nothing was done, and no preview is possible.")
    return Outcome(seen.ok, f"Drill: nothing was done. {'It would' if seen.ok else 'Its preview fails'}: {seen.output}")


async def foresee(step: PlannedStep, context: StepContext) -> Foreseen | None:
    """What a planned step would change, without a secret; None where its executor cannot say."""
    found, look = _of_kind(step.kind), _previews.get(step.kind)
    seen = await look(found.parameters.model_validate(step.parameters), context) if look else None
    if seen is None:
        return None
    if seen.ok and seen.digest == UNLIKE_ANY:
        why = (
            "What the step must do as well is not in this, or it is too long: what runs could not be compared with it."
        )
        seen = Foreseen(False, f"{seen.output}\n{why}")
    return Foreseen(seen.ok, await asyncio.to_thread(masked, seen.output, context.hidden), seen.digest)
