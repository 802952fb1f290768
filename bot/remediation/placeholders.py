"""Which values may be filled in for the placeholders of a runbook.

A value comes from outside. It has to match the pattern of its placeholder as a whole: the runbook's ``placeholders``
gives one, and without it :data:`SAFE` holds, whose values are one plain word wherever they stand: no option, path,
wildcard, list, assignment or piece of code, whatever the program makes of its arguments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.runs.parameter import Value
from bot.errors import PlanError
from bot.incidents.placeholder import KNOWN, PARAMETER, is_known

SAFE = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
MAX_VALUE = 256
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Values:
    """What the incident gives, and the patterns that the runbook gives."""

    known: Mapping[str, str]
    patterns: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def number(self, name: str) -> int | float | None:
        """The parameter of a placeholder, where that is a number."""
        value = self.parameters.get(name.removeprefix(PARAMETER)) if name.startswith(PARAMETER) else None
        return None if isinstance(value, str) else value

    def take(self, name: str) -> str:
        """The value that is filled in for a placeholder. Raises PlanError where there is none that may be."""
        if name.startswith(PARAMETER):
            return str(self.parameters[name.removeprefix(PARAMETER)])
        value = self.known.get(name)
        if not value:
            raise PlanError(f"this incident gives no value for ${{{name}}}")
        if len(value) > MAX_VALUE or not value.isprintable() or "`" in value:
            raise PlanError(f"the value of ${{{name}}} is too long or has characters that are not filled in")
        pattern = self.patterns.get(name, SAFE)
        if not re.fullmatch(pattern, value):
            shown = value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}…"
            hint = f"where such a value can do no harm, give the runbook `placeholders: {{{name}: PATTERN}}`"
            raise PlanError(f"the value of ${{{name}}}, {shown!r}, does not match {pattern}; {hint}")
        return value


def check_patterns(patterns: Mapping[str, str], used: set[str]) -> None:
    """Raises PlanError where a pattern is none, or is for a placeholder that no step has."""
    for name, pattern in patterns.items():
        if not is_known(name):
            raise PlanError(f"placeholders: ${{{name}}} is no placeholder; known are {KNOWN}")
        if name not in used:
            raise PlanError(f"placeholders: no step has ${{{name}}}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise PlanError(f"placeholders: {name}: {pattern!r} is no regular expression: {error}") from error
