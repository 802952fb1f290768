"""Arrays of numbers inside of a struct that is serialised: as type, shape and bytes."""

from typing import Any

import numpy as np


def packed(value: Any) -> Any:
    """What msgspec asks how to encode.

    Parameters
    ----------
    value
        An array.

    Returns
    -------
    Its type, shape and bytes.

    Examples
    --------
    >>> packed(np.zeros(1, np.float32))
    ['<f4', [1], b'\\x00\\x00\\x00\\x00']
    """
    if isinstance(value, np.ndarray):
        return [value.dtype.str, list(value.shape), value.tobytes()]
    raise NotImplementedError(f"no way to serialise {type(value).__name__}")


def unpacked(kind: Any, value: Any) -> Any:
    """What msgspec asks how to decode. Raises ValueError for what is no array.

    Parameters
    ----------
    kind
        The type that is wanted.
    value
        What :func:`packed` gave.

    Returns
    -------
    The array, read-only.

    Examples
    --------
    >>> unpacked(None, packed(np.ones((1, 2), np.float32))).tolist()
    [[1.0, 1.0]]
    """
    dtype, shape, held = value
    return np.frombuffer(held, dtype=np.dtype(dtype)).reshape(shape)


def unpacked_to_change(kind: Any, value: Any) -> Any:
    """As :func:`unpacked`; the array is one's own and can be changed.

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
    >>> unpacked_to_change(None, packed(np.ones(1))).flags.writeable
    True
    """
    return unpacked(kind, value).copy()
