"""Attributes of OpenTelemetry as labels of Prometheus."""

import base64
from collections.abc import Iterable

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from handlers.sources.clean import clean
from handlers.telemetry.gathering import InvalidPart
from handlers.telemetry.naming import label_name

_Plain = None | bool | int | float | str | list["_Plain"] | dict[str, "_Plain"]

MOST_STRUCTURED = 64 * 2**10
"""Bytes of a list or a map that is written as JSON."""


def labels_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes whose names become one label are joined by ``;``, in the order of their names. None has no value.

    Raises InvalidPart.
    """
    labels: dict[str, str] = {}
    for attribute in sorted(attributes, key=lambda one: one.key):
        name, value = clean(label_name(attribute.key)), value_text(attribute.value)
        if name and value:
            labels[name] = f"{labels[name]};{value}" if name in labels else value
    return labels


def value_text(value: AnyValue) -> str:
    """A string as it is, anything else as JSON. Raises InvalidPart."""
    if not value.HasField("string_value") and value.ByteSize() > MOST_STRUCTURED:
        raise InvalidPart(f"a list or a map has more than the {MOST_STRUCTURED} bytes that are taken")
    plain = _plain(value)
    if plain is None:
        return ""
    return clean(plain if isinstance(plain, str) else msgspec.json.encode(plain).decode())


def _plain(value: AnyValue) -> _Plain:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [_plain(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: _plain(one.value) for one in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return None
