"""Fields of an object by their path, as in ``spec.template.spec.containers[app].image``.

What is in a list is named by its ``name`` or its number; a key with dots in it stands in brackets, too:
``metadata.annotations[example.com/team]``.
"""

import re
from copy import deepcopy
from typing import Any

MISSING = object()
_PART = re.compile(r"(?:^|\.)([A-Za-z0-9_-]+)|\[([^\[\]]+)\]")


def parts_of(path: str) -> list[str]:
    """The steps of a path. Raises ValueError where it is none.

    >>> parts_of("spec.containers[app].image")
    ['spec', 'containers', 'app', 'image']
    """
    found = list(_PART.finditer(path))
    if not found or "".join(one[0] for one in found) != path:
        raise ValueError(f"{path!r} is no path: write spec.minReplicas, or spec.template.spec.containers[app].image")
    return [one[1] or one[2] for one in found]


def with_field(value: Any, parts: list[str], new: Any) -> Any:
    """A copy with one field set, or taken out where ``new`` is None. Raises ValueError where there is no such place."""
    return _set(deepcopy(value), parts, new)


def _set(value: Any, parts: list[str], new: Any) -> Any:
    part, *rest = parts
    if isinstance(value, list):
        index = _index(value, part)
        value[index] = _set(value[index], rest, new) if rest else new
        return value
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise ValueError(f"{part}: there is a single value above it, not fields")
    if rest:
        value[part] = _set(value.get(part), rest, new)
    elif new is None:
        value.pop(part, None)
    else:
        value[part] = new
    return value


def _index(items: list[Any], part: str) -> int:
    for i, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == part:
            return i
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    raise ValueError(f"there is no {part!r} in the list")
