"""Durations as people write them in configuration and commands: ``90s``, ``5m``, ``1h30m``, ``2d``."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_LONGEST = timedelta(days=36_500)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def parse_duration(text: str) -> timedelta:
    """Read a duration. Raises ValueError with what is expected.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no duration: write a number and a unit, as in 90s, 5m, 1h30m or 2d")
    seconds = sum(float(n) * (_SECONDS[unit] if unit != "ms" else 0.001) for n, unit in _PART.findall(text))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is too long a duration: {_LONGEST.days}d are the most")
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """The two largest units of a duration, for people.

    >>> format_duration(timedelta(seconds=3725))
    '1h 2m'
    """
    seconds = max(0, int(span.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def format_seconds(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


def _validate(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError("write a number and a unit, as in 90s, 5m, 1h30m or 2d")


def _in_seconds(span: timedelta) -> str:
    return f"{span.total_seconds():f}".rstrip("0").rstrip(".") + "s"


Duration = Annotated[timedelta, BeforeValidator(_validate), PlainSerializer(_in_seconds)]
