"""Arrays of numbers inside of a state that is serialised."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Small = npt.NDArray[np.float32]


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

    Raises
    ------
    ValueError
        For what is no array.

    Examples
    --------
    >>> unpacked(None, packed(np.ones((1, 2), np.float32))).tolist()
    [[1.0, 1.0]]
    """
    dtype, shape, held = value
    return np.frombuffer(held, dtype=np.dtype(dtype)).reshape(shape).copy()
