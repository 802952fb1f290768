"""What the pages and scripts name and link to is there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
_NAMED = re.compile(r"`((?:bot|handlers|detectors|tests|deploy|docs)/[\w./-]*[\w/])(?:::\w+)?`")
_TESTS = re.compile(r"(tests/[\w./]+)(?:::(\w+))?")
_LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {found for found in _NAMED.findall(page.read_text()) if not (ROOT / found).exists()}
    assert named == set()


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    linked = {found for found in _LINKED.findall(page.read_text()) if not (page.parent / found).exists()}
    assert linked == set()


def test_the_order_of_imports_is_the_one_that_is_held() -> None:
    [layers, *_] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = [layer.replace("bot.", "") for layer in layers["layers"]]
    [drawn] = re.findall(r"```\n(cli →.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)
    assert [" ".join(layer.split()) for layer in drawn.split("→")] == held


@pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda script: str(script.relative_to(ROOT)))
def test_every_test_that_a_script_runs_exists(script: Path) -> None:
    for file, name in _TESTS.findall(script.read_text()):
        assert (ROOT / file).exists(), file
        assert not name or f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
