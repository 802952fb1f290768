"""The roles in deploy/ allow what the code calls, and nothing beside it."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.integrations.kubernetes import following
from bot.integrations.kubernetes.evidence.reading import Looking, Question
from bot.integrations.kubernetes.seen import WATCHED
from bot.integrations.kubernetes.watching import ClusterWatch
from bot.kubernetes import Access, Cluster
from bot.kubernetes.actions import Order, actions, kinds_of, perform, preview
from bot.kubernetes.resources import (
    APPLICATIONS,
    AUTOSCALERS,
    CHANGEABLE,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    NODES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SCALED_OBJECTS,
    STATEFUL_SETS,
    Resource,
    Where,
)
from tests.acceptance.harness import until
from tests.integration.kubernetes.api_server import ApiServer, Call, Thing
from tests.integration.kubernetes.things import (
    autoscaler,
    deployment,
    node,
    owned_by,
    pod,
    replica_set,
    stateful_set,
)
from tests.integration.pipeline_driver import Pipeline

ACCESS = Path(__file__).parents[3] / "deploy" / "kubernetes" / "access"
Right = tuple[str, str, str]
"""A verb on a resource of a group."""


def _allowed(file: str, *roles: str) -> set[Right]:
    documents = list(yaml.safe_load_all((ACCESS / file).read_text()))
    rules = [
        rule
        for one in documents
        if one["kind"] == "ClusterRole" and one["metadata"]["name"] in roles
        for rule in one["rules"]
    ]
    assert rules
    return {
        (verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def _made(calls: list[Call]) -> set[Right]:
    return {(call.verb, call.group, call.resource) for call in calls}


async def test_the_role_for_reading_is_what_the_watch_and_the_evidence_call(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_LEAST", 0.01)
    server.add(DEPLOYMENTS, deployment("checkout"))
    labels = {"matchLabels": {"tier": "none"}}
    named = [
        deployment("web", selector=labels),
        deployment("db", selector=labels),
        deployment("agent", selector=labels),
    ]
    for kind, thing in zip((DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS), named, strict=True):
        server.add(kind, thing)
    status = {"name": "app", "ready": False, "restartCount": 1}
    server.add(PODS, pod(containerStatuses=[status]))
    server.add(NODES, node())
    task = asyncio.create_task(ClusterWatch(pipeline.services, cluster, pipeline.inbox.append, {}).run())

    async def watched() -> bool:
        seen = {call.resource for call in server.calls if call.verb == "watch"}
        return seen >= {one.plural for one in WATCHED} and any(call.resource == "pods" for call in server.calls)

    await until(watched, "everything is watched, and pods are placed")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    now = pipeline.clock.now
    for name in ("checkout", "web", "db", "agent"):
        question = Question(((name, ("shop",)),), now - timedelta(minutes=1))
        await Looking(cluster, question, now, str).look()
    assert _made(server.calls) == _allowed("reading.yaml", "tandem-reading", "tandem-reading-nodes")


def _objects(kind: Resource) -> Iterator[tuple[Resource, Thing]]:
    """An object of each kind on which every action for it can be performed."""
    meta = {"name": "checkout", "namespace": "shop"}
    paused = {"pauseConditions": [{"reason": "CanaryPauseStep"}], "phase": "Paused", "abort": False}
    made: dict[Resource, Thing] = {
        DEPLOYMENTS: deployment(),
        STATEFUL_SETS: stateful_set("checkout"),
        DAEMON_SETS: deployment() | {"kind": "DaemonSet", "status": {"observedGeneration": 99}},
        ROLLOUTS: deployment() | {"kind": "Rollout", "status": {"observedGeneration": "99", **paused}},
        APPLICATIONS: {"metadata": meta, "spec": {}, "status": {"history": [{"id": 1}, {"id": 2}]}},
        SCALED_OBJECTS: {"metadata": meta, "spec": {}},
        INFERENCE_SERVICES: {"metadata": meta, "spec": {}},
        AUTOSCALERS: autoscaler("checkout", "other", 1, 9),
        NODES: node("checkout"),
        PODS: pod("checkout"),
    }
    thing = made[kind]
    yield kind, thing
    if kind is DEPLOYMENTS:
        yield from ((REPLICA_SETS, replica_set(thing, n, f"shop/checkout:{n}")) for n in (1, 2))
    if kind in (STATEFUL_SETS, DAEMON_SETS):
        for n in (1, 2):
            data = {
                "spec": {"template": {"metadata": {}, "spec": {"containers": [{"name": "app", "image": f"x:{n}"}]}}}
            }
            own: Any = {"name": f"c-{n}", "namespace": "shop", "ownerReferences": [owned_by(thing)]}
            own["labels"] = thing["metadata"]["labels"]
            yield CONTROLLER_REVISIONS, {"metadata": own, "revision": n, "data": data}
    if kind is NODES:
        yield PODS, pod(node="checkout")


async def test_the_role_for_writing_is_what_the_actions_call(server: ApiServer, cluster: Cluster) -> None:
    every = Cluster(Access(cluster.access.context))
    done = set[tuple[str, str]]()
    for action in actions():
        for kind in [one for one in CHANGEABLE if one.name in kinds_of(action)]:
            server.objects.clear()
            for resource, thing in _objects(kind):
                server.add(resource, thing)
            where = Where(kind, "shop" if kind.namespaced else "", "checkout")
            fields = {"spec.paused": True}
            order = Order(action, where, f"run/{action}", ("checkout",), replicas=2, fields=fields, wait=False)
            await preview(every, order)
            await perform(every, order)
            done.add((action, kind.name))
    server.objects.clear()
    owner = server.add(STATEFUL_SETS, stateful_set("checkout"))
    server.add(PODS, pod("checkout-0", owner=owned_by(owner)))
    await perform(every, Order("delete_pod", Where(PODS, "shop", "checkout-0"), "run/other", ("checkout",), wait=False))
    await every.close()
    assert len(done) > 25
    assert _made(server.calls) == _allowed("writing/writing.yaml", "tandem-writing", "tandem-writing-nodes")


async def test_cordoning_and_draining_need_no_right_in_a_namespace_and_the_rest_none_on_nodes(
    server: ApiServer, cluster: Cluster
) -> None:
    server.add(NODES, node())
    server.add(PODS, pod())
    await perform(cluster, Order("drain", Where(NODES, "", "worker-1"), "run/0"))
    assert _made(server.calls) == _allowed("writing/writing.yaml", "tandem-writing-nodes")


def test_reading_binds_nothing_that_changes_anything() -> None:
    rights = _allowed("reading.yaml", "tandem-reading", "tandem-reading-nodes")
    assert {verb for verb, _, _ in rights} == {"get", "list", "watch"}
    assert "secrets" not in {resource for _, _, resource in rights}
