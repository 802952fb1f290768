"""Matchers over labels, in Alertmanager's notation: ``a=b``, ``a!=b``, ``a=~regex``, ``a!~regex``.

Patterns are RE2's, as Alertmanager's are: no pattern and no value takes longer than a look at each character.

https://prometheus.io/docs/alerting/latest/configuration/#matcher
https://github.com/google/re2/wiki/Syntax
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec
import re2

_NOTATION = re.compile(r"""\s*([a-zA-Z_][\w.]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*""", re.DOTALL)
_ESCAPE = re.compile(r'\\([n"\\])')
_MAX_PATTERN = 300

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{escaped}"'


def parse_matcher(text: str) -> Matcher:
    """Read one matcher. Raises ValueError with what is wrong."""
    found = _NOTATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no matcher: write label=value, label!=value, label=~regex or label!~regex")
    label, operator, quoted, bare = found.groups()
    value = bare if quoted is None else _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], quoted)
    if operator in ("=~", "!~"):
        _check_pattern(value)
    return Matcher(label, cast(Operator, operator), value)


def _check_pattern(pattern: str) -> None:
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"the regular expression {pattern[:50]!r} … is longer than {_MAX_PATTERN} characters")
    try:
        _compiled(pattern)
    except re2.error as error:
        raise ValueError(f"the regular expression {pattern!r} cannot be read: {error.args[0].decode()}") from error


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    """Whether labels fit; a missing label is an empty value, and patterns are anchored, as in Alertmanager."""
    value = labels.get(matcher.label, "")
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    return bool(_compiled(matcher.value).fullmatch(value)) == (matcher.operator == "=~")


def matches_all(matchers: list[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)
