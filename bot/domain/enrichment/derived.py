"""Labels out of an alert's own words: by regular expressions, which are RE2's, and by JMESPath.

RE2 takes one look at each character: there is no pattern, and no text, for which it takes exponential time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

from bot.domain.enrichment.step import LONGEST, Added, Subject
from bot.domain.mapping import search

_LOOKED_AT = 4000
"""Characters of a text that a pattern looks at."""
_MEMORY = 2**22


@dataclass(frozen=True)
class Pattern:
    """The named groups of a pattern become labels, where it is found in a label or an annotation."""

    name: str
    version: str
    source: str
    pattern: str

    @cached_property
    def _compiled(self) -> Any:
        return compiled(self.pattern)

    def added_to(self, subject: Subject) -> Added:
        found = self._compiled.search(subject.value(self.source)[:_LOOKED_AT])
        return Added({name: value or "" for name, value in found.groupdict().items()} if found else {})


def compiled(pattern: str) -> Any:
    """Raises ValueError with RE2's reason."""
    options = re2.Options()
    options.log_errors, options.max_mem = False, _MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is no pattern of RE2: {text}") from error


@dataclass(frozen=True)
class Expressions:
    """An expression for each label, over ``{labels, annotations, service}``. What one cannot be asked of, it does not
    add to."""

    name: str
    version: str
    by_label: Mapping[str, str]

    def added_to(self, subject: Subject) -> Added:
        within = {"labels": subject.labels, "annotations": subject.annotations, "service": subject.service}
        return Added({label: text_of(_found(one, within)) for label, one in self.by_label.items()})


def _found(expression: str, within: Any) -> Any:
    try:
        return search(expression, within)
    except (ValueError, RecursionError):
        return None


def text_of(value: Any) -> str:
    """A value of JSON as a label; an object is none, and a list of texts is written in one line."""
    match value:
        case str():
            return value.strip()[:LONGEST]
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)[:LONGEST]
        case list():
            return ", ".join(filter(None, (text_of(one) for one in value[:50] if not isinstance(one, list))))[:LONGEST]
        case _:
            return ""
