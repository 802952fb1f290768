"""Argo CD, Argo Rollouts and KEDA, by what their own tools patch in their objects."""

from typing import Any

from bot.kubernetes import Cluster
from bot.kubernetes.resources import (
    APPLICATIONS,
    ROLLOUTS,
    SCALED_OBJECTS,
)
from tests.integration.kubernetes.api_server import ApiServer, Thing
from tests.integration.kubernetes.doing import do
from tests.integration.kubernetes.things import (
    deployment,
)


def _rollout(**status: Any) -> Thing:
    thing = deployment()
    return thing | {
        "kind": "Rollout",
        "apiVersion": "argoproj.io/v1alpha1",
        "status": {"observedGeneration": "1", **status},
    }


async def test_a_paused_rollout_is_promoted_by_one_step_and_not_by_another_when_it_is_repeated(
    server: ApiServer, cluster: Cluster
) -> None:
    paused = [{"reason": "CanaryPauseStep", "startTime": "2026-03-01T12:00:00Z"}]
    server.add(ROLLOUTS, _rollout(pauseConditions=paused, currentStepIndex=1, phase="Paused"))
    assert (await do(cluster, "promote", "rollout/checkout")).ok
    assert "pauseConditions" not in server.get(ROLLOUTS, "shop", "checkout")["status"]
    again = {"pauseConditions": paused, "currentStepIndex": 3}
    server.change(ROLLOUTS, "shop", "checkout", lambda one: one["status"].update(again))
    repeated = await do(cluster, "promote", "rollout/checkout")
    assert repeated.ok and "nothing is done twice" in repeated.output
    assert server.get(ROLLOUTS, "shop", "checkout")["status"]["pauseConditions"] == paused
    assert (await do(cluster, "promote", "rollout/checkout", full=True, step="step/1")).ok
    assert server.get(ROLLOUTS, "shop", "checkout")["status"]["promoteFull"] is True


async def test_a_rollout_is_aborted_paused_and_resumed(server: ApiServer, cluster: Cluster) -> None:
    server.add(ROLLOUTS, _rollout(phase="Progressing"))
    assert (await do(cluster, "abort", "rollout/checkout")).ok
    assert server.get(ROLLOUTS, "shop", "checkout")["status"]["abort"] is True
    assert (await do(cluster, "pause", "rollout/checkout", step="step/1")).ok
    assert server.get(ROLLOUTS, "shop", "checkout")["spec"]["paused"] is True
    assert (await do(cluster, "resume", "rollout/checkout", step="step/2")).ok
    assert "paused" not in server.get(ROLLOUTS, "shop", "checkout")["spec"]


def _carries_out(thing: Thing) -> None:
    """Argo CD's controller: the operation becomes the state."""
    if thing.get("kind") == "Application" and "operation" in thing:
        state = {"operation": thing.pop("operation"), "phase": "Succeeded", "message": "successfully synced"}
        thing["status"]["operationState"] = state


def _application(**spec: Any) -> Thing:
    history = [{"id": 3, "revision": "aaa111"}, {"id": 4, "revision": "bbb222"}]
    meta = {"name": "checkout", "namespace": "shop"}
    return {"metadata": meta, "spec": {"project": "shop", **spec}, "status": {"history": history}}


async def test_argo_cd_synchronises_and_rolls_back_by_the_operation_that_carries_the_steps_name(
    server: ApiServer, cluster: Cluster
) -> None:
    server.controllers.append(_carries_out)
    server.add(APPLICATIONS, _application())
    done = await do(cluster, "sync", "application/checkout", to_revision="ccc333")
    assert done.ok, done.output
    state = server.get(APPLICATIONS, "shop", "checkout")["status"]["operationState"]
    assert state["operation"]["sync"] == {"revision": "ccc333"}
    assert (await do(cluster, "rollback", "application/checkout", step="rollback/0")).ok
    state = server.get(APPLICATIONS, "shop", "checkout")["status"]["operationState"]
    assert state["operation"]["sync"]["revision"] == "aaa111", "the deployment before the last"


async def test_argo_cd_does_not_roll_back_what_synchronises_by_itself(server: ApiServer, cluster: Cluster) -> None:
    server.add(APPLICATIONS, _application(syncPolicy={"automated": {"selfHeal": True}}))
    refused = await do(cluster, "rollback", "application/checkout")
    assert not refused.ok and "synchronises by itself" in refused.output


async def test_keda_is_paused_at_a_number_and_resumed(server: ApiServer, cluster: Cluster) -> None:
    meta = {"name": "checkout", "namespace": "shop"}
    server.add(SCALED_OBJECTS, {"metadata": meta, "spec": {"scaleTargetRef": {"name": "checkout"}}})
    assert (await do(cluster, "pause", "scaledobject/checkout", replicas=8)).ok
    noted = server.get(SCALED_OBJECTS, "shop", "checkout")["metadata"]["annotations"]
    assert noted["autoscaling.keda.sh/paused-replicas"] == "8"
    assert (await do(cluster, "resume", "scaledobject/checkout", step="step/1")).ok
    noted = server.get(SCALED_OBJECTS, "shop", "checkout")["metadata"]["annotations"]
    assert not [name for name in noted if name.startswith("autoscaling")]
