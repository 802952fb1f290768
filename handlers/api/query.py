"""What a request asks for, read into the operation's own types: what does not exist is an error, and never ignored."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from multidict import MultiMapping

from bot.config.nearest import nearest
from handlers.api.operation import Invalid

T = TypeVar("T", bound=msgspec.Struct)
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<place>[^`]*)`)?$", re.DOTALL)
_AWARE = Annotated[datetime, msgspec.Meta(tz=True)]
MOST_TEXT = 1000
_PLAIN_NUMBER = re.compile(r"[0-9]{1,15}")


def problem_of_query(query: MultiMapping[str], known: Collection[str]) -> str | None:
    """What is wrong with the names of the parameters: one is unknown, or is given more than once."""
    for name in query:
        if name not in known:
            taken = nearest(name, known) if known else "; this endpoint takes none"
            return f"{name[:100]!r} is no known parameter{taken}"
        if len(query.getall(name)) > 1:
            return f"{name} is given more than once"
    return None


def read_query(query: MultiMapping[str], to: type[T]) -> T:
    """Raises Invalid."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(to)}
    if wrong := problem_of_query(query, fields):
        raise Invalid(wrong)
    try:
        return msgspec.convert({name: _plain(name, query[name], fields[name]) for name in query}, to, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(in_words(error)) from error


def _plain(name: str, text: str, kind: Any) -> str | datetime:
    """A value as it can be converted. Raises Invalid."""
    if len(text) > MOST_TEXT or "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid(f"{name}: up to {MOST_TEXT} characters are expected, and none that no text holds.")
    inner = list(_parts(kind))
    choices = [one for part in inner for one in _choices(part)]
    if choices and text not in choices:
        raise Invalid(f"{name}: one of {', '.join(choices)} is expected, not {text[:40]!r}.")
    if int in inner and not _PLAIN_NUMBER.fullmatch(text):
        raise Invalid(f"{name}: a number is expected.")
    return _moment(name, text) if datetime in inner else text


def _moment(name: str, text: str) -> datetime:
    """In an address an unescaped plus sign is a space."""
    try:
        return msgspec.convert(text.replace(" ", "+"), _AWARE).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise Invalid(f"{name}: a moment with its zone is expected, as in 2026-03-01T12:00:00Z.") from error


def _parts(kind: Any) -> Iterator[Any]:
    """The types that an annotation is made of."""
    if get_origin(kind) is Annotated:
        yield from _parts(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from _parts(one)
    else:
        yield kind


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [one.value for one in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def read_body(body: bytes, to: type[T]) -> T:
    """Nothing stands for an empty object; what is unknown is passed over only where the type says so.

    Raises Invalid.
    """
    fields = [field.encode_name for field in msgspec.structs.fields(to)]
    try:
        decoded = msgspec.json.decode(body) if body.strip() else {}
        checked = isinstance(decoded, dict) and to.__struct_config__.forbid_unknown_fields
        if checked and (unknown := next((name for name in decoded if name not in fields), None)):
            hint = nearest(str(unknown), fields) if fields else "; this endpoint takes none"
            raise Invalid(f"{str(unknown)[:100]!r} is no known field{hint}")
        _refuse_nul(decoded)
        return msgspec.convert(decoded, to)
    except msgspec.ValidationError as error:
        raise Invalid(in_words(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"The body is no JSON that can be read: {error}") from error


def in_words(error: msgspec.ValidationError) -> str:
    """As in ``limit: Expected `int` <= 500``."""
    found = _MESSAGE.match(str(error))
    assert found is not None
    place = (found["place"] or "").lstrip(".")
    return f"{place}: {found['what']}" if place else found["what"]


def _refuse_nul(value: Any) -> None:
    """PostgreSQL keeps no NUL in a text. Raises Invalid."""
    if isinstance(value, str) and "\x00" in value:
        raise Invalid("A text may hold no NUL character.")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_nul(name)
            _refuse_nul(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_nul(inner)
