"""What performs steps: one executor a file, one kind of step each."""

from bot.remediation.executors.registry import (
    describe,
    execute,
    foresee,
    holds_steps,
    parameter_names,
    parameters_of,
)
from bot.remediation.executors.step import UNPROTECTED, Foreseen, Outcome, Protection, StepContext, StepParameters

__all__ = [
    "UNPROTECTED",
    "Foreseen",
    "Outcome",
    "Protection",
    "StepContext",
    "StepParameters",
    "describe",
    "execute",
    "foresee",
    "holds_steps",
    "parameter_names",
    "parameters_of",
]
