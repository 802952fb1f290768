"""Workloads are restarted, undone, scaled and patched: only the service's own, and nothing happens twice."""

from copy import deepcopy
from datetime import datetime, tzinfo
from typing import Any

import pytest
from pydantic import ValidationError

from bot.kubernetes import Cluster
from bot.kubernetes.actions import workloads
from bot.kubernetes.resources import (
    AUTOSCALERS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
)
from bot.remediation.executors import parameters_of
from tests.integration.kubernetes.api_server import ApiServer, Thing
from tests.integration.kubernetes.doing import TOKEN, do, looked_at
from tests.integration.kubernetes.things import (
    autoscaler,
    deployment,
    owned_by,
    replica_set,
    stateful_set,
)


async def test_a_restart_replaces_the_pods_once_however_often_the_step_is_repeated(
    server: ApiServer, cluster: Cluster
) -> None:
    server.add(DEPLOYMENTS, deployment())
    first = await do(cluster, "restart")
    at = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]["annotations"]
    again = await do(cluster, "restart")
    assert first.ok, first.output
    assert "3 of 3 replicas are updated and available" in first.output
    assert again.ok and "nothing is done twice" in again.output
    assert len(server.writes()) == 1
    assert server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]["annotations"] == at
    other = await do(cluster, "restart", step="step/1")
    assert other.ok and len(server.writes()) == 2, "another step of the run is another restart"


async def test_each_change_is_preceded_by_the_servers_dry_run_of_the_same_patch(
    server: ApiServer, cluster: Cluster
) -> None:
    server.add(DEPLOYMENTS, deployment())
    assert (await do(cluster, "scale", replicas=5)).ok
    patches = [call for call in server.calls if call.verb == "patch"]
    assert [call.dry for call in patches] == [True, False]
    assert patches[0].body == patches[1].body
    assert server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["replicas"] == 5


async def test_a_preview_shows_what_would_change_and_changes_nothing(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    before = deepcopy(server.get(DEPLOYMENTS, "shop", "checkout"))
    seen = await looked_at(cluster, "scale", replicas=5)
    assert seen.ok
    assert "spec.replicas: 3 → 5" in seen.output
    assert server.get(DEPLOYMENTS, "shop", "checkout") == before
    assert not server.writes()


async def test_a_preview_of_a_restart_is_the_same_until_something_differs(
    server: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(DEPLOYMENTS, deployment())
    first = await looked_at(cluster, "restart")

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return cls(2030, 1, 1, tzinfo=tz)

    monkeypatch.setattr(workloads, "datetime", Later)
    assert await looked_at(cluster, "restart") == first
    assert first.ok and "its pods are replaced" in first.output


async def test_a_workload_of_another_service_is_not_touched(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment("payments"))
    refused = await do(cluster, "restart", "deployment/payments")
    assert not refused.ok
    assert "is not of checkout: its labels and its name say payments" in refused.output
    assert not server.writes()
    assert (await do(cluster, "restart", "deployment/payments", service="payments")).ok, "the step may say whose it is"


@pytest.mark.parametrize("target", ["runbook clean-up"])
async def test_without_a_service_to_compare_with_nothing_is_done(
    server: ApiServer, cluster: Cluster, target: str
) -> None:
    server.add(DEPLOYMENTS, deployment())
    refused = await do(cluster, "restart", target=target)
    assert not refused.ok and "service: NAME" in refused.output
    assert not server.writes()


@pytest.mark.parametrize(("replicas", "ok"), [(1, False), (2, True), (6, True), (7, False)])
async def test_the_bounds_of_an_autoscaler_hold(server: ApiServer, cluster: Cluster, replicas: int, ok: bool) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.add(AUTOSCALERS, autoscaler("checkout", "checkout", 2, 6))
    server.add(AUTOSCALERS, autoscaler("other", "payments", 50, 60))
    outcome = await do(cluster, "scale", replicas=replicas)
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
    done = await do(cluster, "undo")
    assert done.ok, done.output
    assert "from revision 3 (shop/checkout:1.4.3) to 2 (shop/checkout:1.4.2)" in done.output
    [container] = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "app", "image": "shop/checkout:1.4.2"}
    assert "hunter22" not in done.output, "what is in the environment of a container is nobody's business"
    labels = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]["labels"]
    assert "pod-template-hash" not in labels
    again = await do(cluster, "undo")
    assert again.ok and len(server.writes()) == 1, "repeated, it would have gone back twice"


async def test_undo_goes_to_the_revision_that_is_named_and_says_which_there_are(
    server: ApiServer, cluster: Cluster
) -> None:
    _rolled_out_twice(server)
    assert "there are 1, 2, 3" in (await do(cluster, "undo", to_revision="9")).output
    assert "1.4.1" in (await looked_at(cluster, "undo", to_revision="1")).output
    assert (await do(cluster, "undo", to_revision="1")).ok
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
    done = await do(cluster, "undo", "statefulset/redis", target="redis")
    assert done.ok, done.output
    template = server.get(STATEFUL_SETS, "shop", "redis")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "redis:7.0"
    assert "$patch" not in template


async def test_declared_fields_are_patched_and_nothing_beside_them(server: ApiServer, cluster: Cluster) -> None:
    thing = deployment()
    thing["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "envoy:1.30"})
    server.add(DEPLOYMENTS, thing)
    path = "spec.template.spec.containers[app].resources.limits.memory"
    done = await do(cluster, "patch", set={path: "1Gi", "metadata.labels[example.com/tier]": "gold"})
    assert done.ok, done.output
    assert f"{path}: nothing → 1Gi" in done.output
    now = server.get(DEPLOYMENTS, "shop", "checkout")
    assert [one["name"] for one in now["spec"]["template"]["spec"]["containers"]] == ["app", "proxy"]
    assert now["metadata"]["labels"]["example.com/tier"] == "gold"


async def test_secrets_are_masked_in_what_a_step_says(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    done = await do(cluster, "patch", set={"metadata.annotations[note]": f"uses {TOKEN}"})
    assert done.ok and TOKEN not in done.output


async def test_a_namespace_that_is_not_configured_is_not_touched(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment(namespace="bank"))
    refused = await do(cluster, "restart", namespace="bank")
    assert not refused.ok and "bank is none of kubernetes.namespaces" in refused.output
    assert not server.calls


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
