"""The public names of detectors are documented in one style, so that each can be used without reading its code."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "detectors"
PACKAGES = ("anomaly", "drift", "forecast", "groups", "logs", "performance", "rootcause")
Definition = ast.FunctionDef | ast.ClassDef


def definitions() -> Iterator[tuple[str, Definition]]:
    for package in PACKAGES:
        for file in sorted((FOLDER / package).glob("*.py")):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, Definition) and not node.name.startswith("_"):
                    yield f"{package}/{file.stem}.{node.name}", node


def is_protocol(node: Definition) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        isinstance(one, ast.Name) and one.id == "Protocol" for one in node.bases
    )


def has_parameters(node: Definition) -> bool:
    if isinstance(node, ast.FunctionDef):
        return bool(node.args.args or node.args.kwonlyargs)
    inits = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
    return bool(fields) or any(len(one.args.args) > 1 for one in inits)


@pytest.mark.parametrize("name, node", [pytest.param(name, node, id=name) for name, node in definitions()])
def test_a_public_name_has_parameters_returns_and_an_example(name: str, node: Definition) -> None:
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    assert text, f"{name} has no docstring"
    wanted = [] if is_protocol(node) else ["Examples"]
    wanted += ["Parameters"] if has_parameters(node) and not is_protocol(node) else []
    wanted += ["Returns"] if isinstance(node, ast.FunctionDef) else []
    missing = [section for section in wanted if f"{section}\n{'-' * len(section)}" not in text]
    assert not missing, f"{name} lacks {', '.join(missing)}"


def test_sections_are_in_one_order() -> None:
    order = ["Parameters", "Returns", "Raises", "Examples", "References"]
    for name, node in definitions():
        lines = (ast.get_docstring(node) or "").splitlines()
        found = [one for one, under in pairwise(lines) if one in order and under.startswith("---")]
        assert found == sorted(found, key=order.index), f"{name} has its sections in another order"
