"""Structs with numpy arrays as bytes, and back."""

from typing import Any, TypeAlias, TypeVar

import msgspec
import numpy as np

from detectors.arrays import packed, unpacked

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Packed = TypeVar("Packed")


def pack(value: msgspec.Struct) -> bytes:
    """A struct as msgpack, its arrays as bytes.

    Parameters
    ----------
    value
        A struct, which may hold arrays of any shape.

    Returns
    -------
    Bytes for :func:`unpack`.

    Examples
    --------
    >>> class Mean(msgspec.Struct):
    ...     values: Array
    >>> unpack(pack(Mean(np.array([1.0, 2.0]))), Mean).values.tolist()
    [1.0, 2.0]
    """
    return msgspec.msgpack.encode(value, enc_hook=packed)


def unpack(data: bytes, kind: type[Packed]) -> Packed:
    """The struct that :func:`pack` was given. Raises msgspec.DecodeError, ValueError.

    Parameters
    ----------
    data
        From :func:`pack`.
    kind
        The struct's type.

    Returns
    -------
    The struct, its arrays read-only.

    Examples
    --------
    >>> class Mean(msgspec.Struct):
    ...     values: Array
    >>> unpack(pack(Mean(np.array([1.0, 2.0]))), Mean).values.tolist()
    [1.0, 2.0]
    """
    return msgspec.msgpack.decode(data, type=kind, dec_hook=unpacked)
