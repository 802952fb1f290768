"""Matchers of Alertmanager: as it reads them, several together, and their opposite."""

import re
from collections.abc import Iterable, Iterator
from typing import cast

from bot.domain.matcher import MAX_PATTERN, Matcher, Operator, matches, parse_matcher

Conjunction = tuple[Matcher, ...]

_ONE = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"{}!=~,]+))\s*(=~|!~|!=|=)\s*(.*?)\s*', re.DOTALL)
_ESCAPE = re.compile(r'\\([n"\\])')
_GROUP = re.compile(r"\A\((?:\?:)?([^()]*)\)\Z")
_MORE_THAN_WORDS = re.compile(r"[()\[\]\\^$]|\A\||\|\||\|\Z")
_AT_COMMAS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\\.|[^,"])+', re.DOTALL)
_OPPOSITE: dict[Operator, Operator] = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}


def read_matchers(text: str) -> Iterator[Matcher]:
    """Of a line of ``matchers``: one, or several between commas, in braces or not. Raises ValueError.

    >>> [str(one) for one in read_matchers('{a="x, y", b=~ c|d}')]
    ['a="x, y"', 'b=~"c|d"']
    """
    inner = text.strip()
    if inner.startswith("{"):
        inner = inner[1:]
    if inner.endswith("}") and not inner.endswith("\\}"):
        inner = inner[:-1]
    for part in _AT_COMMAS.findall(inner):
        if part.strip():
            yield _one(part)


def _one(text: str) -> Matcher:
    found = _ONE.fullmatch(text)
    if not found:
        raise ValueError(f"{text.strip()!r} is no matcher")
    quoted, bare, operator, value = found.groups()
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    return matcher_of(bare or _unescaped(quoted or ""), cast(Operator, operator), _unescaped(value))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], text)


def matcher_of(label: str, operator: Operator, value: str) -> Matcher:
    """Raises ValueError for one that Alertmanager could not have, either."""
    found = Matcher(label, operator, value)
    for part in _parts_of(found):
        parse_matcher(str(part))
    return found


def alternatives(matcher: Matcher) -> list[Conjunction]:
    """A matcher as those that tandem.yaml takes: one of these conjunctions must hold.

    A pattern that is too long for it is cut at its ``|``.
    """
    parts = _parts_of(matcher)
    return [tuple(parts)] if matcher.operator == "!~" else [(part,) for part in parts]


def _parts_of(matcher: Matcher) -> list[Matcher]:
    if matcher.operator in ("=", "!=") or len(matcher.value) <= MAX_PATTERN:
        return [matcher]
    parts = [""]
    for word in _words_of(matcher.value):
        longer = f"{parts[-1]}|{word}" if parts[-1] else word
        parts[-1:] = [longer] if len(longer) <= MAX_PATTERN else [*filter(None, parts[-1:]), word]
    return [Matcher(matcher.label, matcher.operator, part) for part in parts]


def _words_of(pattern: str) -> list[str]:
    """What stands between the ``|`` of a pattern; where more than words stand there, the pattern as it is."""
    inner = _GROUP.sub(r"\1", pattern)
    return inner.split("|") if not _MORE_THAN_WORDS.search(inner) else [pattern]


def opposite(matcher: Matcher) -> Matcher:
    return Matcher(matcher.label, _OPPOSITE[matcher.operator], matcher.value)


def together(matchers: Iterable[Matcher]) -> Conjunction | None:
    """All of these, without those that others imply; None where no alert can match them."""
    found = list(dict.fromkeys(matchers))
    known = {one.label: one.value for one in found if one.operator == "="}
    kept = []
    for one in found:
        if one.operator == "=" and known[one.label] == one.value:
            kept.append(one)
        elif one.label in known:
            if not matches(one, known):
                return None
        elif opposite(one) in found:
            return None
        else:
            kept.append(one)
    return tuple(kept)


def without(cases: Iterable[Conjunction], matchers: Conjunction) -> list[Conjunction]:
    """The part of these cases in which not all ``matchers`` match, as cases that exclude each other."""
    found = []
    for case in cases:
        for i, one in enumerate(matchers):
            rest = together([*case, *matchers[:i], opposite(one)])
            if rest is not None:
                found.append(rest)
    return found
