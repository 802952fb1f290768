"""The context of a step in the tests of executors."""

from collections.abc import Mapping

from bot.remediation.executors import StepContext


def context(secrets: Mapping[str, str]) -> StepContext:
    return StepContext("run-1", "incident-1", "step/0", secrets)
