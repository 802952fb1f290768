"""Results that fit into the context of a language model: lists and texts are cut, and what was left out is said."""

from typing import Any

MOST_ITEMS = 50
MOST_TEXT = 2000
MOST_DEPTH = 12


def bounded(found: Any, depth: int = 0) -> Any:
    """The same with at most fifty items a list, the first of each, and two thousand characters a text.

    >>> bounded({"alerts": list(range(60))})["alerts_left_out"]
    10
    """
    if depth > MOST_DEPTH:
        return "…"
    if isinstance(found, dict):
        cut = {name: bounded(value, depth + 1) for name, value in found.items()}
        left_out = {
            f"{name}_left_out": len(value) - MOST_ITEMS
            for name, value in found.items()
            if isinstance(value, list) and len(value) > MOST_ITEMS
        }
        return cut | left_out
    if isinstance(found, list):
        return [bounded(one, depth + 1) for one in found[:MOST_ITEMS]]
    if isinstance(found, str) and len(found) > MOST_TEXT:
        return f"{found[:MOST_TEXT]}… ({len(found) - MOST_TEXT} characters more)"
    return found
