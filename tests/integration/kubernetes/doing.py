"""One step of the executor ``kubernetes``, performed or only looked at."""

from typing import Any

from bot.domain.run import PlannedStep
from bot.kubernetes import Cluster
from bot.remediation.executors import Foreseen, Outcome, Protection, StepContext, execute, parameters_of
from bot.remediation.executors.kubernetes import KubernetesParameters, preview

TOKEN = "t0ken-of-the-payment-provider"


def _context(cluster: Cluster, step: str, target: str) -> StepContext:
    return StepContext("run-1", "incident-1", step, {"PAY": TOKEN}, Protection(cluster=cluster), (target,))


def _parameters(action: str, thing: str, more: dict[str, Any]) -> dict[str, Any]:
    space = {} if thing.startswith("node/") else {"namespace": "shop"}
    return {"action": action, "object": thing, **space, **more}


async def do(
    cluster: Cluster,
    action: str,
    thing: str = "deployment/checkout",
    *,
    step: str = "step/0",
    target: str = "checkout",
    **more: Any,
) -> Outcome:
    parameters = parameters_of("kubernetes", _parameters(action, thing, more))
    kept = parameters.model_dump(mode="json", exclude={"check"})  # as a plan keeps it
    return await execute(PlannedStep("kubernetes", kept), _context(cluster, step, target))


async def looked_at(cluster: Cluster, action: str, thing: str = "deployment/checkout", **more: Any) -> Foreseen:
    parameters = KubernetesParameters.model_validate(_parameters(action, thing, more))
    seen = await preview(parameters, _context(cluster, "step/0", "checkout"))
    assert seen is not None
    return seen
