"""Reads what is wanted of the attributes of spans and records. What is not wanted is not looked at."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import isfinite

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from bot.domain.llm.observed import MOST_NAME
from detectors.logs.secrets import mask_secrets
from handlers.sources.clean import clean
from handlers.telemetry.llm.names import LISTED, READ

MOST_ATTRIBUTES = 1024
"""Attributes of a span that are looked at."""
_MOST_TEXT = 2000

Plain = str | float | bool
Found = Mapping[str, Plain]


def read(attributes: Iterable[KeyValue]) -> dict[str, Plain]:
    """The wanted ones, by their names."""
    found: dict[str, Plain] = {}
    for number, attribute in enumerate(attributes):
        key = attribute.key
        if number >= MOST_ATTRIBUTES:
            break
        if key in READ or key.startswith(LISTED):
            value = _plain(attribute.value)
            if value is not None:
                found[key] = value
    return found


def _plain(value: AnyValue) -> Plain | None:
    match value.WhichOneof("value"):
        case "string_value":
            text = value.string_value
            return text if len(text) <= _MOST_TEXT else None
        case "bool_value":
            return value.bool_value
        case "int_value":
            return float(value.int_value)
        case "double_value":
            return value.double_value if isfinite(value.double_value) else None
        case "array_value":  # reasons why a model ended; the first that matters is looked for
            return ",".join([one.string_value for one in list(value.array_value.values)[:8]])[:_MOST_TEXT]
        case _:
            return None


def name(found: Found, keys: Sequence[str]) -> str:
    """The first of some attributes that is there, as a name; empty where none is."""
    for key in keys:
        value = found.get(key)
        if isinstance(value, bool) or value is None or value == "":
            continue
        return as_name(f"{value:g}" if isinstance(value, float) else value)
    return ""


@lru_cache(maxsize=4096)
def as_name(text: str) -> str:
    """A text as a name. What is long or has several lines is none, but content that somebody put in the wrong place.

    >>> as_name(' "answer" '), as_name("You are a helpful assistant.\\nNever say ...")
    ('answer', '')
    """
    text = text.strip().strip('"')
    return mask_secrets(clean(text)) if len(text) <= MOST_NAME and "\n" not in text else ""


def number(found: Found, keys: Sequence[str]) -> float | None:
    """The first of some attributes that is a number, or the text of one."""
    for key in keys:
        value = found.get(key)
        if isinstance(value, bool) or value is None:
            continue
        try:
            amount = float(value)
        except ValueError:
            continue
        if isfinite(amount):
            return amount
    return None
