"""Pods are deleted and nodes drained only where nothing is lost."""

import asyncio

from aiohttp import web

from bot.kubernetes import Cluster
from bot.kubernetes.resources import (
    NODES,
    PODS,
    STATEFUL_SETS,
)
from tests.integration.kubernetes.answers import failure
from tests.integration.kubernetes.api_server import ApiServer, Call
from tests.integration.kubernetes.doing import do, looked_at
from tests.integration.kubernetes.things import (
    node,
    owned_by,
    pod,
    stateful_set,
)


async def test_a_pod_is_deleted_only_where_its_controller_makes_another(server: ApiServer, cluster: Cluster) -> None:
    server.add(PODS, pod())
    bare = server.add(PODS, pod("checkout-bare"))
    del bare["metadata"]["ownerReferences"]
    name = pod()["metadata"]["name"]
    done = await do(cluster, "delete_pod", f"pod/{name}")
    assert done.ok and "ReplicaSet checkout-7d9f8b6c5 makes another" in done.output
    assert not server.has(PODS, "shop", name)
    assert (await do(cluster, "delete_pod", f"pod/{name}")).ok, "repeated after a crash: it is gone"
    refused = await do(cluster, "delete_pod", "pod/checkout-bare")
    assert not refused.ok and "nothing would make it anew" in refused.output


async def test_a_pod_of_a_stateful_set_that_was_made_anew_is_not_deleted_again(
    server: ApiServer, cluster: Cluster
) -> None:
    owner = server.add(STATEFUL_SETS, stateful_set())

    def made_anew_and_not_answered(call: Call) -> web.Response | None:
        if call.verb != "delete" or call.dry:
            return None
        server.objects.pop(server.key(PODS, "shop", "redis-0"))
        server.add(PODS, pod("redis-0", service="redis", owner=owned_by(owner)))
        return failure(500, "InternalError", "the answer was lost", **{"Retry-After": "0"})

    server.add(PODS, pod("redis-0", service="redis", owner=owned_by(owner)))
    first = server.get(PODS, "shop", "redis-0")["metadata"]["uid"]
    server.faults.append(made_anew_and_not_answered)
    done = await do(cluster, "delete_pod", "pod/redis-0", target="redis")
    second = server.get(PODS, "shop", "redis-0")["metadata"]["uid"]
    assert done.ok, done.output
    assert second != first
    again = await do(cluster, "delete_pod", "pod/redis-0", target="redis")
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
    seen = await looked_at(cluster, "drain", "node/worker-1")
    assert "evict 2 pods" in seen.output and "held up by a disruption budget now: shop/checkout-b" in seen.output
    assert server.has(PODS, "shop", "checkout-a")

    async def freed() -> None:
        while server.has(PODS, "shop", "checkout-a"):
            await asyncio.sleep(0.01)
        server.budgets.clear()

    outcome, _ = await asyncio.gather(do(cluster, "drain", "node/worker-1"), freed())
    assert outcome.ok, outcome.output
    assert server.get(NODES, "", "worker-1")["spec"]["unschedulable"] is True
    assert not server.has(PODS, "shop", "checkout-a") and not server.has(PODS, "shop", "checkout-b")
    assert server.has(PODS, "shop", "elsewhere") and server.has(PODS, "shop", "log-agent")
    assert (await do(cluster, "uncordon", "node/worker-1", step="rollback/0")).ok
    assert "unschedulable" not in server.get(NODES, "", "worker-1")["spec"]


async def test_a_node_is_not_drained_where_data_or_a_pod_would_be_lost(server: ApiServer, cluster: Cluster) -> None:
    server.add(NODES, node())
    thing = pod("checkout-a")
    thing["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
    server.add(PODS, thing)
    refused = await do(cluster, "drain", "node/worker-1")
    assert not refused.ok and "delete_emptydir: true" in refused.output
    assert not server.writes(), "not even cordoned"
    assert (await do(cluster, "drain", "node/worker-1", delete_emptydir=True)).ok
