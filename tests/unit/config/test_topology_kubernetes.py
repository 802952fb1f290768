"""Kubernetes manifests: what selects, serves and names what, and what is wrong is told with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from bot.errors import ConfigError
from tests.unit.config.test_topology_backstage import CATALOG
from tests.unit.config.topology_folder import Folder
from tests.unit.payloads import mutated

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  annotations: {tandem/depends-on: "payments, redis"}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, tier: web}}
    spec: {containers: [{name: main, image: cart}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis-node, labels: {app.kubernetes.io/name: redis}}
spec: {template: {metadata: {labels: {app: redis}}}}
---
apiVersion: v1
kind: Service
metadata: {name: cart-http}
spec: {selector: {app: cart, tier: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: payments}
spec: {type: ExternalName, externalName: payments.example}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  defaultBackend: {service: {name: payments, port: {number: 80}}}
  rules:
    - host: shop.example
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: cart-http, port: {number: 80}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop-config}
data: {}
---
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def workload(name: str, namespace: str = "", kind: str = "Deployment", **annotations: str) -> dict[str, Any]:
    named = {f"tandem/{key.replace('_', '-')}": value for key, value in annotations.items()}
    metadata = {"name": name, "annotations": named} | ({"namespace": namespace} if namespace else {})
    template = {"metadata": {"labels": {"app": name}}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": template}}


def service(name: str, selects: str, namespace: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": selects}}}


def test_an_ingress_depends_on_services_a_service_on_workloads_and_all_on_what_they_name(folder: Folder) -> None:
    assert folder.graph(yaml_shop=MANIFESTS) == {
        "shop": {"payments", "cart-http"},
        "cart-http": {"cart"},
        "cart": {"payments", "redis"},
        "payments": set(),
        "redis": set(),
    }


def test_a_list_as_kubectl_writes_it_is_read_also_in_json(folder: Folder) -> None:
    items = [workload("cart", "shop"), service("cart-http", "cart", "shop"), workload("agent", "shop", "DaemonSet")]
    listed = {"apiVersion": "v1", "kind": "List", "items": [*items, {"kind": "ConfigMap"}, None]}
    found = folder.graph(json_cluster=json.dumps(listed, indent=1))
    assert found == {"cart": set(), "cart-http": {"cart"}, "agent": set()}


def test_manifests_of_several_files_know_each_other(folder: Folder) -> None:
    files = {
        "yaml_a": yaml.safe_dump(workload("cart", "shop")),
        "yaml_b": yaml.safe_dump(service("web", "cart", "shop")),
    }
    assert folder.graph(**files) == {"cart": set(), "web": {"cart"}}


def test_a_name_that_several_namespaces_have_is_told_apart_by_them(folder: Folder) -> None:
    resources = [
        workload("cart", "eu", depends_on="db"),
        workload("cart", "us", depends_on="db,eu/db"),
        workload("db", "eu"),
        workload("db", "us"),
        service("web", "cart", "us"),
        service("elsewhere", "cart", "asia"),
    ]
    assert folder.graph(yaml_all=yaml.safe_dump_all(resources)) == {
        "eu/cart": {"eu/db"},
        "us/cart": {"us/db", "eu/db"},
        "eu/db": set(),
        "us/db": set(),
        "web": {"us/cart"},
        "elsewhere": set(),
    }


def test_a_service_selects_only_workloads_with_all_its_labels_and_nothing_without_a_selector(folder: Folder) -> None:
    bare = service("bare", "x", "shop") | {"spec": None}
    half = service("half", "cart", "shop")
    half["spec"]["selector"]["tier"] = "web"
    found = folder.graph(yaml_all=yaml.safe_dump_all([workload("cart", "shop"), bare, half]))
    assert found == {"cart": set(), "bare": set(), "half": set()}


def test_a_service_and_its_workload_of_one_name_are_one_node(folder: Folder) -> None:
    text = yaml.safe_dump_all([workload("cart", "shop"), service("cart", "cart", "shop")])
    assert folder.graph(yaml_all=text) == {"cart": set()}


def test_a_name_in_a_manifest_that_nothing_describes_is_doubted_at_its_line(folder: Folder) -> None:
    text = MANIFESTS.replace("payments, redis", "paymnts").replace("{service: {name: cart-http,", "{service: {name: x,")
    assert folder.warnings(yaml_shop=text) == [
        "shop.yaml:6: metadata.annotations.tandem/depends-on: 'paymnts' is described nowhere; did you mean 'payments'?",
        "shop.yaml:37: spec.rules.0.http.paths.0.backend: 'x' is described nowhere; "
        "known are cart, cart-http, payments, redis, shop",
    ]
    assert folder.graph("services: {paymnts: {}, x: {}}", yaml_shop=text)["cart"] == {"paymnts"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MANIFESTS.replace("  name: cart\n", "  generateName: cart\n"), "4: metadata.name: Field required"),
        (MANIFESTS.replace("{app: redis}", "{app: 7}"), "16: spec.template.metadata.labels.app: Input should be a"),
        (MANIFESTS.replace("selector: {app: cart, tier: web}", "selector: cart"), "21: spec.selector: Input should be"),
        (MANIFESTS + "kind: {{ .Values.kind }}\n", "44: this is no valid YAML: found unhashable key"),
        (MANIFESTS + "\tx: 1\n", "44: this is no valid YAML: found character"),
    ],
)
def test_what_is_wrong_in_a_manifest_is_told_with_its_line(folder: Folder, text: str, line: str) -> None:
    found = folder.refusal(yaml_shop=text)
    assert [one for one in found if one.startswith(f"shop.yaml:{line}")] == found[:1]


documents = list(yaml.safe_load_all(CATALOG)) + list(yaml.safe_load_all(MANIFESTS))


@given(mutated([document for document in documents if document]))
def test_any_documents_are_a_topology_or_errors_with_their_lines(
    tmp_path_factory: pytest.TempPathFactory, changed: Any
) -> None:
    folder = Folder(tmp_path_factory.getbasetemp())
    text = yaml.safe_dump_all(changed if isinstance(changed, list) else [changed])
    try:
        folder.load(yaml_any=text.encode(errors="replace").decode())
    except ConfigError as error:
        assert all(
            line.startswith((f"{folder.path}/any.yaml", f"{folder.path}/tandem.yaml"))
            for line in str(error).splitlines()
        )
