"""The two encodings of OTLP/HTTP: protobuf, and its JSON. https://opentelemetry.io/docs/specs/otlp/#otlphttp"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from handlers.http.body import check_objects
from handlers.sources.registry import Malformed

_M = TypeVar("_M", bound=Message)

_IDS = ("traceId", "spanId", "parentSpanId")
"""In hexadecimal digits here, where protobuf's JSON has base64."""


Cut = Callable[[bytes], Iterator[bytes]]
"""Cuts an encoded message into small ones of the same type."""


class Encoding(Protocol):
    content_type: str
    weight: int
    """What it costs to decode a byte, in protobuf's."""

    def decode(self, kind: type[_M], body: bytes, cut: Cut) -> Iterator[_M]:
        """The message in parts, of which protobuf's are small. Raises Malformed, Unreadable."""

    def encode(self, message: Message) -> bytes: ...


class _Protobuf:
    content_type = "application/x-protobuf"
    weight = 1

    def decode(self, kind: type[_M], body: bytes, cut: Cut) -> Iterator[_M]:
        for piece in cut(body):
            try:
                yield kind.FromString(piece)
            except DecodeError as error:
                raise Malformed(f"it is no {kind.DESCRIPTOR.name}: {error}") from error

    def encode(self, message: Message) -> bytes:
        return message.SerializeToString()


class _Json:
    content_type = "application/json"
    weight = 16

    def decode(self, kind: type[_M], body: bytes, cut: Cut) -> Iterator[_M]:
        check_objects(body)
        try:
            document = json.loads(body, object_hook=_with_ids)
            if not isinstance(document, dict):
                raise ValueError("it is no object")
            yield json_format.ParseDict(document, kind(), ignore_unknown_fields=True)
        except (ValueError, RecursionError, json_format.ParseError) as error:
            raise Malformed(f"it is no {kind.DESCRIPTOR.name}: {error}") from error

    def encode(self, message: Message) -> bytes:
        return json_format.MessageToJson(message, indent=None).encode()


PROTOBUF: Encoding = _Protobuf()
JSON: Encoding = _Json()


def encoding_of(content_type: str) -> Encoding | None:
    """By a request's content type without its parameters, or None where it is neither."""
    return next((one for one in (PROTOBUF, JSON) if one.content_type == content_type), None)


def _with_ids(fields: dict[str, Any]) -> dict[str, Any]:
    """Without exemplars, which nobody looks at, and without ids that are none."""
    fields.pop("exemplars", None)
    for name in _IDS:
        given = fields.get(name)
        if given is None:
            continue
        try:
            fields[name] = base64.b64encode(bytes.fromhex(given)).decode()
        except (TypeError, ValueError):
            del fields[name]
    return fields
