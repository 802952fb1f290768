"""Access to the API of a cluster: what kustomize makes of it, and of an overlay that asks for the token."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.docs.manifests import DEPLOY, made

ACCESS = DEPLOY / "kubernetes" / "access"


def _kinds(documents: list[dict[str, Any]]) -> list[str]:
    return sorted(f"{one['kind']}/{one['metadata']['name']}" for one in documents)


def test_reading_is_two_roles_of_which_only_the_one_for_nodes_is_bound() -> None:
    assert _kinds(made(ACCESS)) == [
        "ClusterRole/tandem-reading",
        "ClusterRole/tandem-reading-nodes",
        "ClusterRoleBinding/tandem-reading-nodes",
    ]


def test_writing_is_apart_and_binds_nothing() -> None:
    assert _kinds(made(ACCESS / "writing")) == ["ClusterRole/tandem-writing", "ClusterRole/tandem-writing-nodes"]


@pytest.mark.parametrize(
    ("base", "with_token"), [("kubernetes", {"tandem"}), ("kubernetes/replicas", {"tandem-workers"})]
)
def test_an_overlay_with_the_component_has_the_token_where_there_is_work_and_a_way_to_the_api_server(
    tmp_path: Path, base: str, with_token: set[str]
) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    base_path, component = (Path("..") / "deploy" / base, Path("..") / "deploy" / "kubernetes" / "access" / "token")
    (tmp_path / "deploy").symlink_to(DEPLOY)
    text = f"resources: [{base_path}]\ncomponents: [{component}]\n"
    (overlay / "kustomization.yaml").write_text(text)
    documents = made(overlay)
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment"
    }
    assert {name for name, pod in pods.items() if pod["automountServiceAccountToken"]} == with_token
    [policy] = [one for one in documents if one["kind"] == "NetworkPolicy"]
    assert {"protocol": "TCP", "port": 6443} in policy["spec"]["egress"][1]["ports"]
