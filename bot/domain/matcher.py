"""Matchers over labels, in Alertmanager's notation: ``a=b``, ``a!=b``, ``a=~regex``, ``a!~regex``.

Patterns are RE2's, as Alertmanager's are: no pattern and no value takes longer than a look at each character.

https://prometheus.io/docs/alerting/latest/configuration/#matcher
https://github.com/google/re2/wiki/Syntax
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec
import re2

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_NOTATION = re.compile(rf'\s*(?:{_QUOTED}|([^\s"{{}}!=~,]+))\s*(=~|!~|!=|=)\s*(?:{_QUOTED}|([^"]*?))\s*', re.DOTALL)
_NEXT = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|[^\s"{}!=~,]+)\s*(?:=~|!~|!=|=)')
_ESCAPE = re.compile(r'\\([n"\\])')
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
MAX_PATTERN = 300

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        label = self.label if _PLAIN.fullmatch(self.label) else f'"{_escaped(self.label)}"'
        return f'{label}{self.operator}"{_escaped(self.value)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unescaped(quoted: str) -> str:
    return _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], quoted)


def parse_matcher(text: str) -> Matcher:
    """Read one matcher; a label of any name may be quoted. Raises ValueError with how to write it."""
    found = _NOTATION.fullmatch(text)
    if not found:
        raise ValueError(
            f"{text!r} is no matcher: write label=value, label!=value, label=~regex or label!~regex"
            ' (quotes around a value that holds spaces, as in summary="two words")'
        )
    quoted_label, bare_label, operator, quoted, bare = found.groups()
    if bare is not None:
        _check_bare(text, bare)
    label = bare_label if quoted_label is None else _unescaped(quoted_label)
    value = bare if quoted is None else _unescaped(quoted)
    if not label:
        raise ValueError(f"{text!r} names no label")
    if operator in ("=~", "!~"):
        _check_pattern(value)
    return Matcher(label, cast(Operator, operator), value)


def _check_bare(text: str, value: str) -> None:
    """Raises ValueError for what was meant as more than one matcher."""
    if value.endswith(","):
        raise ValueError(f"{text!r} ends in a comma: leave it out, or quote the value if the comma is part of it")
    if any(_NEXT.match(part) for part in value.split(",")[1:]):
        raise ValueError(f"{text!r} looks like several matchers: write them apart, or quote the value")


def parse_matchers(text: str) -> list[Matcher]:
    """Read matchers as people write them in a row: ``a=b c=~"d.*"``, ``{a="b", c="d"}``. Raises ValueError.

    >>> [str(one) for one in parse_matchers('{service="cart", app.kubernetes.io/name!=web}')]
    ['service="cart"', '"app.kubernetes.io/name"!="web"']
    """
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    return [parse_matcher(part) for part in _parts(inner) if part.strip()]


def _parts(text: str) -> list[str]:
    """The text cut at the commas and spaces that stand before another matcher, outside of quotes."""
    parts, quoted, start, at = [], False, 0, 0
    while at < len(text):
        character = text[at]
        if character == "\\" and quoted:
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and (character == "," or character.isspace()) and _begins_anew(text, start, at):
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _begins_anew(text: str, start: int, at: int) -> bool:
    rest = text[at + 1 :]
    whole = _NOTATION.fullmatch(text[start:at].strip()) is not None
    return not text[start:at].strip() or (whole and (not rest.strip(" ,") or _NEXT.match(rest) is not None))


def _check_pattern(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"the regular expression {pattern[:50]!r} … is longer than {MAX_PATTERN} characters")
    try:
        _compiled(pattern)
    except re2.error as error:
        raise ValueError(f"the regular expression {pattern!r} cannot be read: {error.args[0].decode()}") from error


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def fitting(pattern: str) -> Callable[[str], bool]:
    """What says whether a value fits a pattern, for who keeps it."""
    compiled = _compiled(pattern)
    return lambda value: bool(compiled.fullmatch(value))


def matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    """Whether labels fit; a missing label is an empty value, and patterns are anchored, as in Alertmanager."""
    value = labels.get(matcher.label, "")
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    return bool(_compiled(matcher.value).fullmatch(value)) == (matcher.operator == "=~")


def matches_all(matchers: list[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)
