"""The executors that are known. A new one is a new file in this folder, found by itself:

@executor("restart", RestartParameters, describe)
async def run(parameters: RestartParameters, context: StepContext) -> Outcome: ...
"""

import asyncio
import difflib
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from bot.domain.run import PlannedStep
from bot.remediation.executors.masking import masked
from bot.remediation.executors.step import Outcome, StepContext, StepParameters

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
    """Perform a planned step. What goes wrong in it is its outcome, not an error of ours; no secret is in it."""
    found = _of_kind(step.kind)
    outcome = await found.run(found.parameters.model_validate(step.parameters), context)
    return Outcome(outcome.ok, await asyncio.to_thread(masked, outcome.output, context.hidden))
