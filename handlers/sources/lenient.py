"""Bodies read as far as they can be: what a sender wrote in another type than it should is no reason to lose an alert.

A number or a truth value stands for its text, a text for the number, moment or word that it spells; null, and what
there is of ``[]`` where an object belongs, is nothing. What is not known is left out. Objects and lists where a text
belongs are not guessed at: what has them is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from bot.domain.event import Event
from handlers.sources.registry import Malformed, Refusal, decoded

_T = TypeVar("_T")
_ABSENT = object()


def lenient(kind: type[_T]) -> Callable[[bytes], _T]:
    """A decoder of JSON, as quick as msgspec's where all is as it should be. Raises what that raises."""
    exactly = msgspec.json.Decoder(kind).decode

    def decode(body: bytes) -> _T:
        try:
            return exactly(body)
        except msgspec.ValidationError:
            return _converted(msgspec.json.decode(body), kind)

    return decode


def converted(value: Any, kind: type[_T]) -> _T:
    """A decoded value as ``kind``. Raises Malformed, in msgspec's words."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):
        pass
    try:
        return _converted(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:  # the second for half a character
        raise Malformed(str(error) or type(error).__name__) from error


def each_alone(
    items: Iterable[msgspec.Raw], decode: Callable[[bytes], _T], event_of: Callable[[_T, str], Event], where: str
) -> Iterator[Event | Refusal]:
    """An event of each item; of one that cannot be taken the reason, which names the place in the body."""
    for index, item in enumerate(items):
        place = f"{where}[{index}]"
        try:
            yield event_of(decoded(decode, bytes(item)), place)
        except (Malformed, UnicodeError) as error:
            yield Refusal(index, placed(str(error), place))


def placed(reason: str, place: str) -> str:
    """msgspec's words about a part of a body, as those about the whole."""
    if place in reason:
        return reason
    return reason.replace("`$", f"`{place}") if "`$" in reason else f"{reason} - at `{place}`"


def _converted(value: Any, kind: type[_T]) -> _T:
    return msgspec.convert(_fitted(value, inspect.type_info(kind)), kind, strict=False)


def _fitted(value: Any, kind: inspect.Type) -> Any:
    """The value as near to its type as it can be brought; what it cannot be, msgspec then refuses."""
    match kind:
        case inspect.UnionType():
            return _fitted_to_one_of(value, kind)
        case inspect.StrType():
            return _text(value)
        case inspect.LiteralType():
            return _literal(value, kind.values)
        case inspect.RawType():
            return msgspec.Raw(msgspec.json.encode(value))
        case inspect.StructType() if isinstance(value, dict):
            return _fields(value, kind)
        case inspect.DictType() if isinstance(value, dict):
            found = {name: _or_absent(one, kind.value_type) for name, one in value.items()}
            return {name: one for name, one in found.items() if one is not _ABSENT}
        case inspect.DictType() | inspect.StructType() if value == []:
            return {}
        case inspect.ListType() if isinstance(value, list):
            found_items = (_or_absent(one, kind.item_type) for one in value)
            return [one for one in found_items if one is not _ABSENT]
        case inspect.TupleType() if isinstance(value, list) and len(value) == len(kind.item_types):
            return [_fitted(one, item) for one, item in zip(value, kind.item_types, strict=True)]
    return value


def _fields(value: Mapping[str, Any], kind: inspect.StructType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in kind.fields:
        if field.encode_name not in value:
            continue
        one = value[field.encode_name]
        fitted = _fitted(one, field.type) if field.required else _or_absent(one, field.type)
        if fitted is not _ABSENT:
            found[field.encode_name] = fitted
    if kind.tag_field and kind.tag_field in value:
        found[kind.tag_field] = value[kind.tag_field]
    return found


def _or_absent(value: Any, kind: inspect.Type) -> Any:
    """Nothing, where the value is null, or empty where a moment belongs, and the type has no such thing."""
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    if value == "" and any(isinstance(one, inspect.DateTimeType) for one in members):
        return _ABSENT
    if value is None and not any(
        isinstance(one, inspect.NoneType | inspect.AnyType | inspect.RawType) for one in members
    ):
        return _ABSENT
    return _fitted(value, kind)


_PLAIN: tuple[tuple[type, type[inspect.Type]], ...] = (
    (bool, inspect.BoolType),
    (int, inspect.IntType),
    (float, inspect.FloatType),
    (str, inspect.StrType),
)


def _fitted_to_one_of(value: Any, kind: inspect.UnionType) -> Any:
    others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    if value is None or any(type(value) is plain and isinstance(o, t) for plain, t in _PLAIN for o in others):
        return value
    if len(others) == 1:
        return _fitted(value, others[0])
    shapes: tuple[type[inspect.Type], ...] = (inspect.StrType, inspect.LiteralType)
    if isinstance(value, dict):
        shapes = (inspect.StructType, inspect.DictType)
    elif isinstance(value, list):
        shapes = (inspect.ListType, inspect.TupleType)
    fit = [one for one in others if isinstance(one, shapes) and _is_tagged_for(value, one)]
    return _fitted(value, fit[0]) if len(fit) == 1 else value


def _is_tagged_for(value: Any, kind: inspect.Type) -> bool:
    tagged = isinstance(kind, inspect.StructType) and kind.tag_field
    return not tagged or value.get(kind.tag_field) == kind.tag  # type: ignore[attr-defined]


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _literal(value: Any, known: tuple[Any, ...]) -> Any:
    """The one that the value spells, in whatever case."""
    spelled = str(_text(value)).strip().casefold()
    return next((one for one in known if str(one).casefold() == spelled), value)
