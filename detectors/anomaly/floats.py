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
    """In single precision.

    Parameters
    ----------
    values
        Any numbers.

    Returns
    -------
    An array of four bytes a number.

    Examples
    --------
    >>> floats([1.0, 0.5]).tolist()
    [1.0, 0.5]
    """
    return array("f", values)


def doubles(values: Iterable[float] = ()) -> Floats:
    """In double precision: as Python's own.

    Parameters
    ----------
    values
        Any numbers.

    Returns
    -------
    An array of eight bytes a number.

    Examples
    --------
    >>> doubles([0.1]).tolist()
    [0.1]
    """
    return array("d", values)


@lru_cache(maxsize=256)
def shared(values: tuple[float, ...]) -> tuple[float, ...]:
    """The one tuple that all series share which have the same constants.

    Parameters
    ----------
    values
        Constants of a series.

    Returns
    -------
    An equal tuple, the same object each time.

    Examples
    --------
    >>> shared((1.0, 3.0)) is shared((1.0, 3.0))
    True
    """
    return values


def packed(value: Any) -> bytes | list[float]:
    """What msgspec asks how to encode.

    Parameters
    ----------
    value
        An array.

    Returns
    -------
    Bytes for single precision, a list for double.

    Examples
    --------
    >>> packed(doubles([0.5]))
    [0.5]
    """
    if isinstance(value, array):
        return value.tobytes() if value.typecode == "f" else value.tolist()
    raise NotImplementedError(f"no way to serialise {type(value).__name__}")


def unpacked(kind: Any, value: Any) -> Floats:
    """What msgspec asks how to decode.

    Parameters
    ----------
    kind
        The type that is wanted.
    value
        What :func:`packed` gave.

    Returns
    -------
    The array.

    Examples
    --------
    >>> unpacked(None, packed(floats([0.5]))).tolist()
    [0.5]
    """
    if isinstance(value, list):
        return doubles(value)
    return array("f", value)  # as bytes: no larger than they are
