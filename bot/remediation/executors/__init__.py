"""What performs steps: one executor a file, one kind of step each."""

from bot.remediation.executors.registry import describe, execute, holds_steps, parameter_names, parameters_of
from bot.remediation.executors.step import UNPROTECTED, Outcome, Protection, StepContext, StepParameters

__all__ = [
    "UNPROTECTED",
    "Outcome",
    "Protection",
    "StepContext",
    "StepParameters",
    "describe",
    "execute",
    "holds_steps",
    "parameter_names",
    "parameters_of",
]
