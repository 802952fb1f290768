"""Keys that JSON has twice: a decoder keeps the last and says nothing."""

import json
from typing import Any


def keys_again(body: bytes) -> set[str]:
    """The keys that are twice in one object, wherever it is. ``body`` is JSON that was decoded already."""
    again: set[str] = set()

    def look(pairs: list[tuple[str, Any]]) -> None:
        names = {name for name, _ in pairs}
        if len(names) < len(pairs):
            again.update(_twice(pairs))

    json.loads(body, object_pairs_hook=look, parse_int=len, parse_float=len)
    return again


def columns_with_again(body: bytes) -> list[tuple[str, list[Any]]]:
    """All columns of ``{"columns": {…}}``, also those of one name."""
    pairs = json.loads(body, object_pairs_hook=list)
    return [column for name, columns in pairs if name == "columns" for column in columns]


def _twice(pairs: list[tuple[str, Any]]) -> set[str]:
    names = [name for name, _ in pairs]
    return {name for name in names if names.count(name) > 1}
