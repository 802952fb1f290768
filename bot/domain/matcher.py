"""Matchers over labels, in Alertmanager's notation: ``a=b``, ``a!=b``, ``a=~regex``, ``a!~regex``.

https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, cast

import msgspec

_NOTATION = re.compile(r"""\s*([a-zA-Z_][\w.]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MAX_PATTERN = 300
# A group that repeats and is repeated itself, as in (a+)+, takes exponential time on some values.
_NESTED_REPEAT = re.compile(r"\([^()]*[*+}][^()]*\)\s*[*+{]")


Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.operator}"{escaped}"'


def parse_matcher(text: str) -> Matcher:
    """Read one matcher. Raises ValueError with what is wrong."""
    found = _NOTATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no matcher: write label=value, label!=value, label=~regex or label!~regex")
    label, operator, quoted, bare = found.groups()
    value = _ESCAPE.sub(r"\1", quoted) if quoted is not None else bare
    if operator in ("=~", "!~"):
        _check_pattern(value)
    return Matcher(label, cast(Operator, operator), value)


def _check_pattern(pattern: str) -> None:
    if len(pattern) > _MAX_PATTERN or _NESTED_REPEAT.search(pattern):
        raise ValueError(f"the regular expression {pattern[:50]!r} is too long or repeats a repeat")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"the regular expression {pattern!r} cannot be read: {error}") from error


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    """Whether labels fit; a missing label is an empty value, and patterns are anchored, as in Alertmanager."""
    value = labels.get(matcher.label, "")
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    return bool(_compiled(matcher.value).fullmatch(value)) == (matcher.operator == "=~")


def matches_all(matchers: list[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)
