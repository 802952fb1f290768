"""Single-precision floats: half the state, and the same numbers before and after it was serialised."""

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Floats = array[float]
else:
    Floats = array  # Python 3.11 cannot subscript it


def floats(values: Iterable[float]) -> Floats:
    return array("f", values)


def packed(value: Any) -> bytes:
    """What msgspec asks how to encode."""
    if isinstance(value, array):
        return value.tobytes()
    raise NotImplementedError(f"no way to serialise {type(value).__name__}")


def unpacked(kind: Any, value: Any) -> Floats:
    """What msgspec asks how to decode."""
    found = floats(())
    found.frombytes(value)
    return found
