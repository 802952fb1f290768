"""A Backstage catalog: its entities and references, and what is wrong is told with its line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.config.topology_folder import Folder

CATALOG = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: artist-web
spec:
  type: website
  dependsOn:
    - resource:default/artists-db
    - Component:artist-cache
  consumesApis: [artist-api]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: artist-service, description: null}
spec:
  providesApis: [artist-api]
  dependencyOf: [component:default/lookup]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: artist-cache}
spec:
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: lookup}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: artist-api}
spec: {type: openapi, definition: {$text: ./api.yaml}}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: artists-db}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: artist-team}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def entity(name: str, kind: str = "Component", namespace: str = "default", **spec: Any) -> str:
    metadata = {"name": name, "namespace": namespace}
    return yaml.safe_dump({"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})


def test_a_catalog_says_who_depends_on_whom_and_an_api_depends_on_its_provider(folder: Folder) -> None:
    assert folder.graph(yaml_catalog=CATALOG) == {
        "artist-web": {"artists-db", "artist-cache", "artist-api"},
        "artist-api": {"artist-service"},
        "lookup": {"artist-service"},
        "artist-service": set(),
        "artist-cache": set(),
        "artists-db": set(),
    }


def test_a_reference_may_leave_out_kind_and_namespace_and_be_written_in_any_case(folder: Folder) -> None:
    parts = [
        entity(
            "web", namespace="shop", dependsOn=["Cart", "RESOURCE:db", "resource:data/Lake", "component:default/old"]
        ),
        entity("cart", namespace="shop"),
        entity("db", "Resource", "shop"),
        entity("lake", "Resource", "data"),
        entity("old"),
    ]
    assert folder.graph(yaml_a="---\n".join(parts))["shop/web"] == {"shop/cart", "shop/db", "data/lake", "old"}


def test_entities_of_several_files_know_each_other(folder: Folder) -> None:
    found = folder.graph(yaml_a=entity("web", dependsOn=["cart"]), yml_b=entity("cart"))
    assert found == {"web": {"cart"}, "cart": set()}


def test_a_component_and_its_api_of_one_name_are_one_node(folder: Folder) -> None:
    text = f"{entity('orders', providesApis=['orders'])}---\n{entity('orders', 'API')}"
    assert folder.graph(yaml_a=text) == {"orders": set()}


def test_an_entity_that_no_file_describes_is_doubted_at_the_line_that_names_it(folder: Folder) -> None:
    text = entity("web", dependsOn=["crt", "resource:data/lake"]) + "---\n" + entity("cart")
    assert folder.warnings(yaml_a=text) == [
        "a.yaml:8: spec.dependsOn.0: 'crt' is described nowhere; did you mean 'cart'?",
        "a.yaml:9: spec.dependsOn.1: 'data/lake' is described nowhere; known are cart, web",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (CATALOG.replace("    - resource:default/artists-db", "    - a:b:c"), "9: spec.dependsOn.0: 'a:b:c' is no"),
        (CATALOG.replace("    - resource:default/artists-db", "    - ''"), "9: spec.dependsOn.0: '' is no reference"),
        (CATALOG.replace("    - resource:default/artists-db", "    - {name: x}"), "9: spec.dependsOn.0: Input should"),
        (CATALOG.replace("  name: artist-web", "  title: x"), "4: metadata.name: Field required"),
        (CATALOG.replace("[artist-api]\n---", "artist-api\n---", 1), "11: spec.consumesApis: Input should be a valid"),
        (CATALOG.replace("spec:\n  type: website", "spec:\n  type: *x"), "7: this is no valid YAML"),
        (
            CATALOG.replace("  name: artist-web", "  name: !!timestamp 2026-13-45"),
            "5: this is no valid YAML: no timestamp",
        ),
    ],
)
def test_what_is_wrong_in_a_catalog_is_told_with_its_line(folder: Folder, text: str, line: str) -> None:
    [found] = folder.refusal(yaml_catalog=text)
    assert found.startswith(f"catalog.yaml:{line}")
