"""What a change to an object changes, field by field, and the merge patch that leads from one object to another.

https://www.rfc-editor.org/rfc/rfc7386
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.kubernetes.fields import MISSING

MASK = "***"
MOST_SHOWN = 12
_LONGEST = 80
_THE_SERVERS_OWN = {
    "status",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.uid",
    "metadata.selfLink",
    "metadata.creationTimestamp",
    "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
}


def differences(before: Mapping[str, Any], after: Mapping[str, Any], part: str = "") -> dict[str, str]:
    """Path to ``before → after`` of every field that differs, but for what the server itself keeps.

    Of a ``part`` such as ``status``, only that is compared. Values of environment variables are masked.
    """
    if part:
        before, after = {part: before.get(part)}, {part: after.get(part)}
    left, right = dict(_leaves(before)), dict(_leaves(after))
    return {
        path: f"{_shown(path, left.get(path, MISSING))} → {_shown(path, right.get(path, MISSING))}"
        for path in sorted(left.keys() | right.keys())
        if left.get(path, MISSING) != right.get(path, MISSING) and not (_is_the_servers(path) and not part)
    }


def in_words(changed: Mapping[str, str]) -> list[str]:
    """The first of them, a line each, and how many more there are."""
    lines = [f"{path}: {what}" for path, what in list(changed.items())[:MOST_SHOWN]]
    left = len(changed) - len(lines)
    return [*lines, f"… and {left} more fields"] if left else lines


def merge_patch(before: Any, after: Any) -> Any:
    """What, merged into ``before``, makes it ``after``."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    gone = {key: None for key in before if key not in after}
    return gone | {
        key: merge_patch(before.get(key), value) for key, value in after.items() if before.get(key, MISSING) != value
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a structure with its path; what is in a list is known by its name, where it has one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            plain = key.replace("_", "").isalnum()
            yield from _leaves(inner, (f"{path}.{key}" if path else key) if plain else f"{path}[{key}]")
    elif isinstance(value, list) and value:
        for i, inner in enumerate(value):
            name = inner.get("name") if isinstance(inner, dict) else None
            yield from _leaves(inner, f"{path}[{name if isinstance(name, str) else i}]")
    else:
        yield path, value


def _is_the_servers(path: str) -> bool:
    return any(path == own or path.startswith((f"{own}.", f"{own}[")) for own in _THE_SERVERS_OWN)


def _shown(path: str, value: Any) -> str:
    if value is MISSING:
        return "nothing"
    if ".env[" in path and path.endswith(".value"):
        return MASK
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
