"""The executor ``kubernetes`` against an API server: what it changes, what it refuses; nothing happens twice."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from bot.domain.run import PlannedStep
from bot.kubernetes import Cluster
from bot.kubernetes.resources import (
    APPLICATIONS,
    AUTOSCALERS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    NODES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SCALED_OBJECTS,
    STATEFUL_SETS,
)
from bot.remediation.executors import Outcome, Protection, StepContext, execute, parameters_of
from bot.remediation.executors.kubernetes import KubernetesParameters, preview
from tests.integration.kubernetes.api_server import ApiServer, Call, Thing, failure
from tests.integration.kubernetes.things import (
    autoscaler,
    deployment,
    node,
    owned_by,
    pod,
    replica_set,
    stateful_set,
)

TOKEN = "t0ken-of-the-payment-provider"


def _context(cluster: Cluster, step: str = "step/0", target: str = "checkout") -> StepContext:
    return StepContext("run-1", "incident-1", step, {"PAY": TOKEN}, Protection(cluster=cluster), (target,))


async def _do(cluster: Cluster, action: str, thing: str = "deployment/checkout", **more: Any) -> Outcome:
    step, target = more.pop("step", "step/0"), more.pop("target", "checkout")
    space = {} if thing.startswith("node/") else {"namespace": "shop"}
    parameters = {"action": action, "object": thing, **space, **more}
    return await execute(PlannedStep("kubernetes", parameters), _context(cluster, step, target))


async def _preview(cluster: Cluster, action: str, thing: str = "deployment/checkout", **more: Any) -> Outcome:
    space = {} if thing.startswith("node/") else {"namespace": "shop"}
    parameters = KubernetesParameters.model_validate({"action": action, "object": thing, **space, **more})
    return await preview(parameters, _context(cluster))


async def test_a_restart_replaces_the_pods_once_however_often_the_step_is_repeated(
    server: ApiServer, cluster: Cluster
) -> None:
    server.add(DEPLOYMENTS, deployment())
    first = await _do(cluster, "restart")
    at = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]["annotations"]
    again = await _do(cluster, "restart")
    assert first.ok, first.output
    assert "3 of 3 replicas are updated and available" in first.output
    assert again.ok and "nothing is done twice" in again.output
    assert len(server.writes()) == 1
    assert server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]["annotations"] == at
    other = await _do(cluster, "restart", step="step/1")
    assert other.ok and len(server.writes()) == 2, "another step of the run is another restart"


async def test_each_change_is_preceded_by_the_servers_dry_run_of_the_same_patch(
    server: ApiServer, cluster: Cluster
) -> None:
    server.add(DEPLOYMENTS, deployment())
    assert (await _do(cluster, "scale", replicas=5)).ok
    patches = [call for call in server.calls if call.verb == "patch"]
    assert [call.dry for call in patches] == [True, False]
    assert patches[0].body == patches[1].body
    assert server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["replicas"] == 5


async def test_a_preview_shows_what_would_change_and_changes_nothing(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    before = deepcopy(server.get(DEPLOYMENTS, "shop", "checkout"))
    seen = await _preview(cluster, "scale", replicas=5)
    assert seen.ok
    assert "spec.replicas: 3 → 5" in seen.output
    assert server.get(DEPLOYMENTS, "shop", "checkout") == before
    assert not server.writes()


async def test_a_workload_of_another_service_is_not_touched(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment("payments"))
    refused = await _do(cluster, "restart", "deployment/payments")
    assert not refused.ok
    assert "is not of checkout: its labels and its name say payments" in refused.output
    assert not server.writes()
    assert (await _do(cluster, "restart", "deployment/payments", service="payments")).ok, "the step may say whose it is"


@pytest.mark.parametrize("target", ["runbook clean-up"])
async def test_without_a_service_to_compare_with_nothing_is_done(
    server: ApiServer, cluster: Cluster, target: str
) -> None:
    server.add(DEPLOYMENTS, deployment())
    refused = await _do(cluster, "restart", target=target)
    assert not refused.ok and "service: NAME" in refused.output
    assert not server.writes()


@pytest.mark.parametrize(("replicas", "ok"), [(1, False), (2, True), (6, True), (7, False)])
async def test_the_bounds_of_an_autoscaler_hold(server: ApiServer, cluster: Cluster, replicas: int, ok: bool) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.add(AUTOSCALERS, autoscaler("checkout", "checkout", 2, 6))
    server.add(AUTOSCALERS, autoscaler("other", "payments", 50, 60))
    outcome = await _do(cluster, "scale", replicas=replicas)
    assert outcome.ok is ok, outcome.output
    assert "between 2 and 6" in outcome.output or "2 to 6" in outcome.output


def _rolled_out_twice(server: ApiServer) -> Thing:
    thing = deployment(image="shop/checkout:1.4.3")
    thing["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": "hunter22"}]
    owner = server.add(DEPLOYMENTS, thing)
    for revision in (1, 2, 3):
        server.add(REPLICA_SETS, replica_set(owner, revision, f"shop/checkout:1.4.{revision}"))
    return owner


async def test_undo_goes_back_one_revision_and_says_from_which_to_which(server: ApiServer, cluster: Cluster) -> None:
    _rolled_out_twice(server)
    done = await _do(cluster, "undo")
    assert done.ok, done.output
    assert "from revision 3 (shop/checkout:1.4.3) to 2 (shop/checkout:1.4.2)" in done.output
    [container] = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "app", "image": "shop/checkout:1.4.2"}
    assert "hunter22" not in done.output, "what is in the environment of a container is nobody's business"
    labels = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]["labels"]
    assert "pod-template-hash" not in labels
    again = await _do(cluster, "undo")
    assert again.ok and len(server.writes()) == 1, "repeated, it would have gone back twice"


async def test_undo_goes_to_the_revision_that_is_named_and_says_which_there_are(
    server: ApiServer, cluster: Cluster
) -> None:
    _rolled_out_twice(server)
    assert "there are 1, 2, 3" in (await _do(cluster, "undo", to_revision="9")).output
    assert "1.4.1" in (await _preview(cluster, "undo", to_revision="1")).output
    assert (await _do(cluster, "undo", to_revision="1")).ok
    [container] = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "shop/checkout:1.4.1"


async def test_undo_of_a_stateful_set_reads_its_controller_revisions(server: ApiServer, cluster: Cluster) -> None:
    owner = server.add(STATEFUL_SETS, stateful_set())
    for revision, image in ((1, "redis:7.0"), (2, "redis:7.2")):
        template = deepcopy(owner["spec"]["template"]) | {"$patch": "replace"}
        template["spec"]["containers"][0]["image"] = image
        meta = {"name": f"redis-{revision}", "namespace": "shop", "labels": owner["metadata"]["labels"]}
        body = {"revision": revision, "data": {"spec": {"template": template}}}
        server.add(CONTROLLER_REVISIONS, {"metadata": meta | {"ownerReferences": [owned_by(owner)]}, **body})
    done = await _do(cluster, "undo", "statefulset/redis", target="redis")
    assert done.ok, done.output
    template = server.get(STATEFUL_SETS, "shop", "redis")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "redis:7.0"
    assert "$patch" not in template


async def test_declared_fields_are_patched_and_nothing_beside_them(server: ApiServer, cluster: Cluster) -> None:
    thing = deployment()
    thing["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "envoy:1.30"})
    server.add(DEPLOYMENTS, thing)
    path = "spec.template.spec.containers[app].resources.limits.memory"
    done = await _do(cluster, "patch", set={path: "1Gi", "metadata.labels[example.com/tier]": "gold"})
    assert done.ok, done.output
    assert f"{path}: nothing → 1Gi" in done.output
    now = server.get(DEPLOYMENTS, "shop", "checkout")
    assert [one["name"] for one in now["spec"]["template"]["spec"]["containers"]] == ["app", "proxy"]
    assert now["metadata"]["labels"]["example.com/tier"] == "gold"


async def test_a_pod_is_deleted_only_where_its_controller_makes_another(server: ApiServer, cluster: Cluster) -> None:
    server.add(PODS, pod())
    bare = server.add(PODS, pod("checkout-bare"))
    del bare["metadata"]["ownerReferences"]
    name = pod()["metadata"]["name"]
    done = await _do(cluster, "delete_pod", f"pod/{name}")
    assert done.ok and "ReplicaSet checkout-7d9f8b6c5 makes another" in done.output
    assert not server.has(PODS, "shop", name)
    assert (await _do(cluster, "delete_pod", f"pod/{name}")).ok, "repeated after a crash: it is gone"
    refused = await _do(cluster, "delete_pod", "pod/checkout-bare")
    assert not refused.ok and "nothing would make it anew" in refused.output


async def test_a_pod_of_a_stateful_set_that_was_made_anew_is_not_deleted_again(
    server: ApiServer, cluster: Cluster
) -> None:
    owner = server.add(STATEFUL_SETS, stateful_set())

    def made_anew(call: Call) -> None:
        if call.verb == "delete" and not call.dry:
            server.objects.pop(server.key(PODS, "shop", "redis-0"))
            server.add(PODS, pod("redis-0", service="redis", owner=owned_by(owner)))

    server.add(PODS, pod("redis-0", service="redis", owner=owned_by(owner)))
    first = server.get(PODS, "shop", "redis-0")["metadata"]["uid"]
    server.faults.append(
        lambda call: made_anew(call) or (failure(500, "", "") if call.verb == "delete" and not call.dry else None)
    )
    done = await _do(cluster, "delete_pod", "pod/redis-0", target="redis")
    second = server.get(PODS, "shop", "redis-0")["metadata"]["uid"]
    assert done.ok, done.output
    assert second != first
    again = await _do(cluster, "delete_pod", "pod/redis-0", target="redis")
    assert again.ok and "nothing is done twice" in again.output
    assert server.get(PODS, "shop", "redis-0")["metadata"]["uid"] == second


async def test_a_node_is_cordoned_and_drained_and_a_disruption_budget_is_waited_for(
    server: ApiServer, cluster: Cluster
) -> None:
    server.add(NODES, node())
    server.add(PODS, pod("checkout-a"))
    server.add(PODS, pod("checkout-b"))
    server.add(PODS, pod("elsewhere", node="worker-2"))
    server.add(PODS, pod("log-agent", owner={"kind": "DaemonSet", "name": "log-agent", "uid": "d", "controller": True}))
    server.budgets.add("checkout-b")
    seen = await _preview(cluster, "drain", "node/worker-1")
    assert "evict 2 pods" in seen.output and "held up by a disruption budget now: shop/checkout-b" in seen.output
    assert server.has(PODS, "shop", "checkout-a")

    async def freed() -> None:
        while server.has(PODS, "shop", "checkout-a"):
            await asyncio.sleep(0.01)
        server.budgets.clear()

    outcome, _ = await asyncio.gather(_do(cluster, "drain", "node/worker-1"), freed())
    assert outcome.ok, outcome.output
    assert server.get(NODES, "", "worker-1")["spec"]["unschedulable"] is True
    assert not server.has(PODS, "shop", "checkout-a") and not server.has(PODS, "shop", "checkout-b")
    assert server.has(PODS, "shop", "elsewhere") and server.has(PODS, "shop", "log-agent")
    assert (await _do(cluster, "uncordon", "node/worker-1", step="rollback/0")).ok
    assert "unschedulable" not in server.get(NODES, "", "worker-1")["spec"]


async def test_a_node_is_not_drained_where_data_or_a_pod_would_be_lost(server: ApiServer, cluster: Cluster) -> None:
    server.add(NODES, node())
    thing = pod("checkout-a")
    thing["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
    server.add(PODS, thing)
    refused = await _do(cluster, "drain", "node/worker-1")
    assert not refused.ok and "delete_emptydir: true" in refused.output
    assert not server.writes(), "not even cordoned"
    assert (await _do(cluster, "drain", "node/worker-1", delete_emptydir=True)).ok


def _once(answer: Callable[[], web.Response], verb: str = "patch", *, dry: bool = False) -> Callable[[Call], Any]:
    return lambda call: answer() if call.verb == verb and call.dry is dry else None


async def test_somebody_elses_change_in_between_is_not_overwritten(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())

    def meddle(call: Call) -> None:
        if call.verb == "patch" and not call.dry:
            server.faults.clear()
            server.change(DEPLOYMENTS, "shop", "checkout", lambda one: one["spec"].update(minReadySeconds=7))

    server.faults.append(meddle)
    done = await _do(cluster, "scale", replicas=4)
    assert done.ok, done.output
    spec = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (4, 7)
    assert len([call for call in server.writes()]) == 2, "refused once with 409, then decided anew"


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_a_server_in_trouble_is_asked_again_and_the_step_takes_effect_once(
    server: ApiServer, cluster: Cluster, code: int
) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.faults.append(_once(lambda: failure(code, "TooManyRequests", "busy", **{"Retry-After": "0"})))
    assert (await _do(cluster, "restart")).ok
    assert server.get(DEPLOYMENTS, "shop", "checkout")["metadata"]["generation"] == 2


async def test_an_answer_that_was_lost_is_not_done_again(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())

    def lost(call: Call) -> web.Response | None:
        if call.verb != "patch" or call.dry:
            return None
        server._patch(DEPLOYMENTS, call, "")
        return failure(500, "InternalError", "the answer was lost", **{"Retry-After": "0"})

    server.faults.append(lost)
    done = await _do(cluster, "restart")
    assert done.ok and "nothing is done twice" in done.output
    assert server.get(DEPLOYMENTS, "shop", "checkout")["metadata"]["generation"] == 2


async def test_a_right_that_is_missing_is_named_with_its_verb(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.forbidden.add(("patch", "deployments"))
    refused = await _do(cluster, "restart")
    assert not refused.ok
    assert "the role lacks the verb 'patch' on deployments.apps in namespace shop" in refused.output


async def test_a_dry_run_that_does_not_show_what_is_changed_fails_the_step(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.mutate = lambda thing: thing["spec"].update(paused=True)
    outcome = await _do(cluster, "scale", replicas=4)
    assert not outcome.ok
    assert "what was changed is not what the dry run showed: spec.paused" in outcome.output


async def test_a_rollout_that_makes_no_progress_fails_the_step(server: ApiServer, cluster: Cluster) -> None:
    def stuck(thing: Thing) -> None:
        stalled = {
            "type": "Progressing",
            "status": "False",
            "reason": "ProgressDeadlineExceeded",
            "message": "timed out",
        }
        thing["status"] = {"observedGeneration": thing["metadata"]["generation"], "conditions": [stalled]}

    server.controllers[:] = [stuck]
    server.add(DEPLOYMENTS, deployment())
    outcome = await _do(cluster, "restart")
    assert not outcome.ok and "it makes no progress: timed out" in outcome.output


async def test_a_rollout_that_takes_too_long_fails_the_step_and_says_how_far_it_came(
    server: ApiServer, cluster: Cluster
) -> None:
    server.controllers.clear()
    server.add(DEPLOYMENTS, deployment())
    outcome = await _do(cluster, "restart", timeout="200ms")
    assert not outcome.ok and "its controller has not seen the change yet" in outcome.output


async def test_secrets_are_masked_in_what_a_step_says(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    done = await _do(cluster, "patch", set={"metadata.annotations[note]": f"uses {TOKEN}"})
    assert done.ok and TOKEN not in done.output


async def test_a_namespace_that_is_not_configured_is_not_touched(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment(namespace="bank"))
    refused = await _do(cluster, "restart", namespace="bank")
    assert not refused.ok and "bank is none of kubernetes.namespaces" in refused.output
    assert not server.calls


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
    assert (await _do(cluster, "promote", "rollout/checkout")).ok
    assert "pauseConditions" not in server.get(ROLLOUTS, "shop", "checkout")["status"]
    again = {"pauseConditions": paused, "currentStepIndex": 3}
    server.change(ROLLOUTS, "shop", "checkout", lambda one: one["status"].update(again))
    repeated = await _do(cluster, "promote", "rollout/checkout")
    assert repeated.ok and "nothing is done twice" in repeated.output
    assert server.get(ROLLOUTS, "shop", "checkout")["status"]["pauseConditions"] == paused
    assert (await _do(cluster, "promote", "rollout/checkout", full=True, step="step/1")).ok
    assert server.get(ROLLOUTS, "shop", "checkout")["status"]["promoteFull"] is True


async def test_a_rollout_is_aborted_paused_and_resumed(server: ApiServer, cluster: Cluster) -> None:
    server.add(ROLLOUTS, _rollout(phase="Progressing"))
    assert (await _do(cluster, "abort", "rollout/checkout")).ok
    assert server.get(ROLLOUTS, "shop", "checkout")["status"]["abort"] is True
    assert (await _do(cluster, "pause", "rollout/checkout", step="step/1")).ok
    assert server.get(ROLLOUTS, "shop", "checkout")["spec"]["paused"] is True
    assert (await _do(cluster, "resume", "rollout/checkout", step="step/2")).ok
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
    done = await _do(cluster, "sync", "application/checkout", to_revision="ccc333")
    assert done.ok, done.output
    state = server.get(APPLICATIONS, "shop", "checkout")["status"]["operationState"]
    assert state["operation"]["sync"] == {"revision": "ccc333"}
    assert (await _do(cluster, "rollback", "application/checkout", step="rollback/0")).ok
    state = server.get(APPLICATIONS, "shop", "checkout")["status"]["operationState"]
    assert state["operation"]["sync"]["revision"] == "aaa111", "the deployment before the last"


async def test_argo_cd_does_not_roll_back_what_synchronises_by_itself(server: ApiServer, cluster: Cluster) -> None:
    server.add(APPLICATIONS, _application(syncPolicy={"automated": {"selfHeal": True}}))
    refused = await _do(cluster, "rollback", "application/checkout")
    assert not refused.ok and "synchronises by itself" in refused.output


async def test_keda_is_paused_at_a_number_and_resumed(server: ApiServer, cluster: Cluster) -> None:
    meta = {"name": "checkout", "namespace": "shop"}
    server.add(SCALED_OBJECTS, {"metadata": meta, "spec": {"scaleTargetRef": {"name": "checkout"}}})
    assert (await _do(cluster, "pause", "scaledobject/checkout", replicas=8)).ok
    noted = server.get(SCALED_OBJECTS, "shop", "checkout")["metadata"]["annotations"]
    assert noted["autoscaling.keda.sh/paused-replicas"] == "8"
    assert (await _do(cluster, "resume", "scaledobject/checkout", step="step/1")).ok
    noted = server.get(SCALED_OBJECTS, "shop", "checkout")["metadata"]["annotations"]
    assert not [name for name in noted if name.startswith("autoscaling")]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"action": "restrat"}, "did you mean 'restart'"),
        ({"object": "deploymet/checkout"}, "did you mean 'deployment'"),
        ({"object": "checkout"}, "as in deployment/checkout"),
        ({"action": "drain"}, "drain is for node"),
        ({"action": "scale"}, "scale needs replicas"),
        ({"replicas": 3}, "replicas is for scale and pause"),
        ({"namespace": None}, "in which namespace"),
        ({"action": "patch", "set": {"status.replicas": 1}}, "only what is in spec"),
        ({"action": "patch", "set": {"spec..x": 1}}, "is no path"),
        ({"action": "scale", "replicas": -1}, "greater than or equal to 0"),
    ],
)
def test_parameters_that_fit_no_action_are_refused_in_words(given: dict[str, Any], why: str) -> None:
    usual = {"action": "restart", "object": "deployment/checkout", "namespace": "shop"}
    with pytest.raises(ValidationError, match=why):
        parameters_of("kubernetes", usual | given)
