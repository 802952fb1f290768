"""docs/reference/keys.md: every key of tandem.yaml, from the models that validate it."""

from collections.abc import Iterator
from datetime import time, timedelta
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.config import Config
from bot.domain.runbook import Step
from bot.domain.watched.monitor import MonitorRules
from bot.remediation.executors import registry
from bot.watches.models.kinds.registry import all_kinds
from tests.unit.docs.reference.writing import attribute_docs, default_of, table

_HEAD = """# Every key of tandem.yaml

Written from the code that validates the file. [tandem.yaml](../configuration.md) shows it as a whole.
`NAME` is a name of your own, `[]` each entry of a list. Durations are written as `90s`, `5m`, `1h30m`, `2d`.
"""
_NAMES = {str: "text", int: "number", float: "number", bool: "true or false", timedelta: "duration", time: "time"}

Row = tuple[str, str, str, str]


def keys_page() -> str:
    """The page, a section for each top-level key."""
    parts = [_HEAD]
    for name, field in Config.model_fields.items():
        key = field.alias or name
        rows = list(_rows(key, field, attribute_docs(Config).get(name, "")))
        parts.append(f"## {key}\n\n{table(('key', 'value', 'default', 'meaning'), rows)}\n")
    parts.append(_executors())
    return "\n".join(parts)


def keys_without_meaning() -> list[str]:
    """The keys for which nothing says what they are for."""
    found = [row for line in keys_page().splitlines() if len(row := line.split(" | ")) == 4]
    return [row[0] for row in found if not row[3].strip(" |")]


def _executors() -> str:
    parts = [
        "## Steps of runbooks\n\nOne entry of `steps` or `rollback` is one executor's name with these parameters.\n"
    ]
    for kind, known in sorted(registry._all().items()):
        rows = [row for name in known.parameters.model_fields for row in _of_field(known.parameters, name, f"{kind}.")]
        parts.append(f"### {kind}\n\n{table(('key', 'value', 'default', 'meaning'), rows)}\n")
    return "\n".join(parts)


def _of_field(model: type[BaseModel], name: str, before: str) -> Iterator[Row]:
    field = model.model_fields[name]
    if (model, name) == (MonitorRules, "kind"):
        kinds = ", ".join(f"`{kind}`" for kind in sorted(all_kinds()))
        yield f"`{before}kind`", kinds, "required", attribute_docs(model)[name]
        return
    yield from _rows(before + (field.alias or name), field, attribute_docs(model).get(name, ""))


def _rows(key: str, field: FieldInfo, meaning: str) -> Iterator[Row]:
    """The key itself, unless it only holds others, and what stands below it."""
    path, section = _below(key, field.annotation)
    if section is None or section is Step:
        yield f"`{key}`", _type(field.annotation), default_of(field), meaning
        return
    if meaning or path != f"{key}.":
        yield f"`{path.removesuffix('.')}`", "section", default_of(field), meaning or _first_sentence(section)
    for name in section.model_fields:
        yield from _of_field(section, name, path)
    if section is MonitorRules:
        yield from _of_kinds(path)


def _of_kinds(before: str) -> Iterator[Row]:
    """The keys that monitors of some kinds have beside those of all."""
    kinds_of: dict[type[MonitorRules], list[str]] = {}
    for kind in all_kinds().values():
        kinds_of.setdefault(kind.rules, []).append(kind.name)
    for rules, kinds in kinds_of.items():
        for name in (one for one in rules.model_fields if one not in MonitorRules.model_fields):
            for key, value, default, meaning in _of_field(rules, name, before):
                yield key, value, default, f"Of kind {', '.join(sorted(kinds))}: {meaning[:1].lower()}{meaning[1:]}"


def _below(key: str, annotation: Any) -> tuple[str, type[BaseModel] | None]:
    """How paths of what stands below a key begin, and the section that is there."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _below(key, arguments[0])
    if origin is dict:
        return _below(f"{key}.NAME", arguments[1])
    if origin is list:
        return _below(f"{key}[]", arguments[0])
    for one in arguments:
        if isinstance(one, type) and issubclass(one, BaseModel) and NoneType in arguments:
            return f"{key}.", one
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"{key}.", annotation
    return f"{key}.", None


def _first_sentence(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split()).partition(". ")[0].rstrip(".").replace("``", "`") + "."


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"map of {_type(arguments[1])}"
    if arguments:
        return " or ".join(_type(one) for one in arguments if one is not NoneType)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{one.value}`" for one in annotation)
    if annotation is Step:
        return "step"
    return _NAMES.get(annotation, "section" if _is_model(annotation) else "text")


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
