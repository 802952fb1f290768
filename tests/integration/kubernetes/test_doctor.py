"""``tandem doctor`` asks the cluster for the rights that the configuration needs, and names what is missing."""

import pytest

from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.kubernetes import check_kubernetes
from bot.config import Config
from bot.kubernetes import Cluster
from tests.integration.kubernetes.api_server import ApiServer

pytestmark = pytest.mark.usefixtures("cluster")

STEPS = [
    {"kubernetes": {"action": "restart", "object": "deployment/checkout", "namespace": "shop"}},
    {"kubernetes": {"action": "drain", "object": "node/worker-1"}},
]
RUNBOOK = {"title": "x", "when": {"service": "checkout"}, "steps": STEPS, "approval": {"approvers": ["U012AB3CD"]}}
CONFIG = {"kubernetes": {"context": "test", "namespaces": ["shop"]}, "runbooks": {"x": RUNBOOK}}


async def test_with_all_rights_it_is_well_and_without_a_section_nothing_is_asked(server: ApiServer) -> None:
    [found] = await check_kubernetes(Config.model_validate(CONFIG))
    assert found.mark is Mark.OK, found.text
    assert await check_kubernetes(Config()) == []


async def test_each_right_that_is_missing_is_named(server: ApiServer) -> None:
    server.forbidden |= {
        ("watch", "ingresses"),
        ("get", "pods/log"),
        ("patch", "deployments"),
        ("create", "pods/eviction"),
    }
    [found] = await check_kubernetes(Config.model_validate(CONFIG))
    assert found.mark is Mark.WARN
    for right in (
        "watch ingresses.networking.k8s.io in shop",
        "get pods/log in shop",
        "patch deployments.apps in shop",
        "create pods/eviction",
    ):
        assert right in found.text
    assert "deploy/kubernetes/access" in found.advice


async def test_a_cluster_that_is_not_reached_is_said(server: ApiServer) -> None:
    section = {"kubernetes": {"context": "another"}}
    [found] = await check_kubernetes(Config.model_validate(section))
    assert found.mark is Mark.FAIL
    assert "context another" in found.text


async def test_a_server_that_does_not_answer_is_said(server: ApiServer, cluster: Cluster) -> None:
    server.missing.add("selfsubjectaccessreviews")
    [found] = await check_kubernetes(Config.model_validate(CONFIG))
    assert found.mark is Mark.FAIL and "404" in found.text
