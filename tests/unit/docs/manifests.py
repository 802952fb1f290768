"""Reads deploy/: the files as they stand, and what kustomize makes of them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"
ONE, SEVERAL = DEPLOY / "kubernetes", DEPLOY / "kubernetes" / "replicas"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def resources(folder: Path) -> Iterator[dict[str, Any]]:
    """The resources that kustomization.yaml names, each as it stands in its file."""
    for name in read(folder / "kustomization.yaml")["resources"]:
        if (folder / name).is_dir():
            yield from resources(folder / name)
        else:
            yield from yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))


def environment_of(pod: dict[str, Any]) -> dict[str, Any]:
    """The variables of a pod's container by name, each as its value or where it comes from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod["containers"][0]["env"]}


def made(folder: Path) -> list[dict[str, Any]]:
    """What kubectl makes of a kustomization; skips where there is none."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    told = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(told.stdout))
