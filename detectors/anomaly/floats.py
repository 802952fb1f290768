"""Floats in arrays: a series' memory is small, and the same numbers stand before and after it was serialised."""

from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Floats = array[float]
else:
    Floats = array  # Python 3.11 cannot subscript it


def floats(values: Iterable[float] = ()) -> Floats:
    """In single precision."""
    return array("f", values)


def doubles(values: Iterable[float] = ()) -> Floats:
    """In double precision: as Python's own."""
    return array("d", values)


@lru_cache(maxsize=256)
def shared(values: tuple[float, ...]) -> tuple[float, ...]:
    """The one tuple that all series share which have the same constants."""
    return values


def packed(value: Any) -> bytes | list[float]:
    """What msgspec asks how to encode."""
    if isinstance(value, array):
        return value.tobytes() if value.typecode == "f" else value.tolist()
    raise NotImplementedError(f"no way to serialise {type(value).__name__}")


def unpacked(kind: Any, value: Any) -> Floats:
    """What msgspec asks how to decode."""
    if isinstance(value, list):
        return doubles(value)
    found = floats()
    found.frombytes(value)
    return found
