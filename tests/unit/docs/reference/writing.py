"""What the pages of the reference are written with: tables, and the docstrings under a class's attributes."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.domain.duration import format_duration


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


@cache
def attribute_docs(model: type) -> dict[str, str]:
    """The docstring under each attribute, of the class and of those it inherits from."""
    found: dict[str, str] = {}
    for one in reversed([one for one in model.__mro__ if one.__module__.split(".")[0] in ("bot", "handlers")]):
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(tree, ast.ClassDef)
        for field, after in zip(tree.body, tree.body[1:], strict=False):
            match field, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def default_of(field: FieldInfo) -> str:
    """The default as it would be written in YAML; ``required`` where there is none."""
    value = field.get_default()
    return "required" if value is PydanticUndefined else _yaml(value)


def _yaml(value: Any) -> str:
    if value is None or value in ({}, [], ""):
        return ""
    if isinstance(value, BaseModel):
        said = {name: getattr(value, name) for name in value.model_fields_set}
        return f"`{{{', '.join(f'{name}: {plain(one)}' for name, one in said.items())}}}`" if said else ""
    return f"`{plain(value)}`"


def plain(value: Any) -> str:
    """A value as it is written in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    return f"{value:,}".replace(",", "") if isinstance(value, int) else str(value)
