"""What programs and servers answer: JSON in it, and whether two answers are the same where that matters."""

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

MAX_COMPARED = 2**20
"""So many bytes of an answer are looked at where answers are compared."""
UNLIKE_ANY = "not comparable"
"""The digest of an answer in which what is to be the same is not there."""

Same = Literal["output"] | Annotated[list[str], Field(min_length=1, max_length=20)]
"""What of two answers must be the same: the whole of it, or the values at dotted paths of its JSON."""


def digest_of(answer: bytes, same: Same | None) -> str:
    """The same for answers that are alike in what matters; empty where nothing does."""
    if same is None:
        return ""
    if len(answer) > MAX_COMPARED:
        return UNLIKE_ANY
    if same == "output":
        return _digest(answer.strip())
    value = json_in(answer.decode(errors="replace"))
    found = [at_path(value, path) for path in same]
    return UNLIKE_ANY if None in found else _digest(msgspec.json.encode(found, order="deterministic"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def json_in(output: str) -> Any:
    """A program's output as JSON: all of it, or its last line, as others may write before it."""
    for text in (output, output.strip().rpartition("\n")[2]):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue
    return None


def decoded(body: bytes) -> Any:
    """A body as JSON, None where it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def at_path(value: Any, path: str) -> Any:
    """What a dotted path leads to, None where it leads nowhere.

    >>> at_path({"run": {"id": 7, "tags": ["a", "b"]}}, "run.id"), at_path({"run": {"tags": ["a", "b"]}}, "run.tags.1")
    (7, 'b')
    """
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
