"""The objects of these tests, what is sent, and the roles in deploy/ have the shapes of Kubernetes' own OpenAPI.

kubernetes-asyncio's models are generated from it, and refuse what lacks a field that is required.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes_asyncio import client

from bot.kubernetes import Cluster
from bot.kubernetes.actions import Order, perform
from bot.kubernetes.resources import DEPLOYMENTS, NODES, PODS, Where
from tests.integration.kubernetes.answers import status
from tests.integration.kubernetes.api_server import ApiServer, Thing
from tests.integration.kubernetes.things import autoscaler, deployment, node, pod, replica_set, stateful_set

ACCESS = Path(__file__).parents[3] / "deploy" / "kubernetes" / "access"


@pytest.fixture
async def models() -> AsyncIterator[client.ApiClient]:
    async with client.ApiClient() as found:
        yield found


def _read(models: client.ApiClient, thing: Any, name: str) -> Any:
    """By the model of that name; what it knows of the object, written anew, is the object."""
    answer: Any = SimpleNamespace(data=json.dumps(thing))
    found = models.deserialize(answer, name)
    written = models.sanitize_for_serialization(found)
    assert _without_moments(written) == _without_moments(thing), "a field that Kubernetes does not know was left out"
    return found


def _without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_moments(one) for key, one in value.items() if not key.endswith(("Timestamp", "Time"))}
    return [_without_moments(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (deployment(), "V1Deployment"),
        (stateful_set(), "V1StatefulSet"),
        (replica_set(deployment(), 2, "shop/checkout:1.4.2"), "V1ReplicaSet"),
        (pod(), "V1Pod"),
        (node(MemoryPressure="True"), "V1Node"),
        (autoscaler("checkout", "checkout", 2, 6), "V2HorizontalPodAutoscaler"),
        (status(403, "Forbidden", "pods is forbidden"), "V1Status"),
    ],
)
async def test_the_objects_of_the_tests_are_what_a_cluster_has(
    models: client.ApiClient, thing: Thing, name: str
) -> None:
    _read(models, thing, name)


async def test_what_is_sent_is_what_a_cluster_takes(
    models: client.ApiClient, server: ApiServer, cluster: Cluster
) -> None:
    server.add(NODES, node())
    server.add(PODS, pod())
    server.add(DEPLOYMENTS, deployment())
    where = Where(DEPLOYMENTS, "shop", "checkout")
    await perform(cluster, Order("restart", where, "run/0", ("checkout",)))
    await perform(cluster, Order("scale", where, "run/1", ("checkout",), replicas=4))
    await perform(cluster, Order("drain", Where(NODES, "", "worker-1"), "run/2"))
    server.add(PODS, pod("checkout-b"))
    await perform(cluster, Order("delete_pod", Where(PODS, "shop", "checkout-b"), "run/3", ("checkout",)))
    sent = {call.verb: call.body for call in server.calls if call.verb in ("create", "delete")}
    _read(models, sent["create"], "V1Eviction")
    _read(models, sent["delete"], "V1DeleteOptions")
    now = server.get(DEPLOYMENTS, "shop", "checkout")
    _read(models, now, "V1Deployment")


@pytest.mark.parametrize("file", ["reading.yaml", "writing/writing.yaml"])
async def test_the_roles_are_what_a_cluster_takes(models: client.ApiClient, file: str) -> None:
    for one in yaml.safe_load_all((ACCESS / file).read_text()):
        name = {"ClusterRole": "V1ClusterRole", "ClusterRoleBinding": "V1ClusterRoleBinding"}[one["kind"]]
        _read(models, one, name)
