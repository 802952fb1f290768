"""Structs with numpy arrays as bytes, and back."""

from typing import Any, TypeAlias, TypeVar

import msgspec
import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Packed = TypeVar("Packed")


def pack(value: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=_pack_array)


def unpack(data: bytes, kind: type[Packed]) -> Packed:
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_unpack_array)


def _pack_array(value: Any) -> tuple[str, tuple[int, ...], bytes]:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    raise NotImplementedError(f"no way to serialise {type(value).__name__}")


def _unpack_array(_: type, value: Any) -> Array:
    dtype, shape, data = value
    return np.frombuffer(data, dtype=dtype).reshape(shape)
