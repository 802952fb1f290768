"""A matcher made ready: which values it lets through, and whether it asks for one of them or for none."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bot.domain.matcher import Matcher, fitting
from bot.domain.routing.decision import SEVERAL
from bot.domain.severity import Severity, known_severity

_ALTERNATIVES = re.compile(r"\(?[\w /:@-]+(?:\|[\w /:@-]+)*\)?", re.ASCII)


class Predicate(NamedTuple):
    """``values`` are the only ones that ``fits`` lets through, None where they cannot be counted.

    ``negated``: no value may fit; otherwise one must. ``source`` is the matcher as it is written.
    """

    label: str
    negated: bool
    values: frozenset[str] | None
    fits: Callable[[str], bool]
    source: Matcher

    def holds(self, values: Sequence[str]) -> bool:
        """Whether it holds for an incident with these values of the label; none are an empty one."""
        if len(values) == 1:
            return self.fits(values[0]) is not self.negated
        return any(map(self.fits, values or ("",))) is not self.negated

    @property
    def several(self) -> bool:
        return self.label in SEVERAL


def predicate_of(matcher: Matcher, own: Mapping[str, Severity] | None = None) -> Predicate:
    """``own`` are the words of ``severities`` in tandem.yaml: a severity may be written in any known word."""
    negated = matcher.operator in ("!=", "!~")
    written = frozenset({matcher.value}) if matcher.operator in ("=", "!=") else _alternatives(matcher.value)
    if written is not None:
        values = frozenset(_plain(matcher.label, value, own) for value in written)
        return Predicate(matcher.label, negated, values, values.__contains__, matcher)
    return Predicate(matcher.label, negated, None, fitting(matcher.value), matcher)


def _alternatives(pattern: str) -> frozenset[str] | None:
    """The values of a pattern such as ``checkout|cart``; None where it is more than that.

    >>> sorted(_alternatives("checkout|cart"))
    ['cart', 'checkout']
    """
    if not _ALTERNATIVES.fullmatch(pattern) or pattern.startswith("(") is not pattern.endswith(")"):
        return None
    return frozenset(pattern.removeprefix("(").removesuffix(")").split("|"))


def _plain(label: str, value: str, own: Mapping[str, Severity] | None) -> str:
    if label != "severity":
        return value
    return known_severity(value, own) or value
